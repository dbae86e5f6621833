"""POST and GET /api/batches/{id}/rewards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.guarded import client_of, make_key
from tests.support.store.builders import job_ids, submit
from tests.support.store.judged_batches import judged_batch
from tests.support.store.sql import execute


def body(database: Database, batch_id: UUID, **values: Any) -> dict[str, Any]:
    rewards = [
        {"job_id": str(job_id), "step_index": 0, "score": score}
        for job_id, score in zip(job_ids(database, batch_id), (0.25, 0.5, 0.75), strict=False)
    ]
    return {"prm": "org/prm", "revision": "abc", "rewards": rewards} | values


def test_rewards_are_stored_and_summed_up_by_model(client: TestClient, database: Database) -> None:
    path = f"/api/batches/{judged_batch(database)}/rewards"
    assert client.get(path).json()["models"] == []
    sent = body(database, UUID(path.split("/")[3]))
    assert client.post(path, json=sent).json() == {"num_new": 3, "num_changed": 0, "num_same": 0}
    assert client.post(path, json=sent).json() == {"num_new": 0, "num_changed": 0, "num_same": 3}
    found = client.get(path).json()
    assert found["num_thinking"] == 15
    (model,) = found["models"]
    assert (model["prm"], model["revision"], model["num_steps"], model["num_problems"]) == (
        "org/prm",
        "abc",
        3,
        3,
    )
    assert model["by_decision"][0]["mean"]["mean"] == pytest.approx(0.5)
    # All three have the digit 8.
    assert model["rho"] is None
    assert "the same for all" in model["says"]


def test_another_score_is_refused_unless_it_replaces(client: TestClient, database: Database) -> None:
    batch_id = judged_batch(database)
    path, sent = f"/api/batches/{batch_id}/rewards", body(database, batch_id)
    client.post(path, json=sent)
    for each in sent["rewards"]:
        each["score"] += 0.125
    refused = client.post(path, json=sent)
    assert (refused.status_code, refused.json()["field"]) == (422, "rewards[0]")
    assert client.post(path, json=sent | {"replace": True}).json()["num_changed"] == 3


def test_a_wrong_reward_is_refused_with_its_place(client: TestClient, database: Database) -> None:
    batch_id = judged_batch(database)
    path, sent = f"/api/batches/{batch_id}/rewards", body(database, batch_id)
    first = sent["rewards"][0]
    for wrong, field in (
        ({"rewards": []}, "rewards"),
        ({"rewards": [first] * 5001}, "rewards"),
        ({"rewards": [first | {"score": 1.5}]}, "rewards[0].score"),
        ({"rewards": [first | {"score": None}]}, "rewards[0].score"),
        ({"rewards": [first, first]}, "rewards[1]"),
        ({"rewards": [first | {"step_index": 77}]}, "rewards[0]"),
        ({"rewards": [first | {"step_index": 2**40}]}, "rewards[0].step_index"),
        ({"rewards": [first | {"draft_score": 0.5}]}, "rewards[0].draft_score"),
        ({"prm": ""}, "prm"),
        ({"revision": "a\0b"}, "revision"),
        ({"replce": True}, "replce"),
    ):
        answer = client.post(path, json=sent | wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_rewards_need_the_scope_submit_and_the_owner_of_the_batch(
    guarded: FastAPI, database: Database
) -> None:
    batch_id = judged_batch(database)
    execute(database, "UPDATE batch SET owner = 'ada'")
    path, sent = f"/api/batches/{batch_id}/rewards", body(database, batch_id)
    ada, eve = (client_of(guarded, make_key(database, name)) for name in ("ada", "eve"))
    reader = client_of(guarded, make_key(database, "ada", [Scope.READ]))
    assert eve.post(path, json=sent).status_code == 404
    assert eve.get(path).status_code == 404
    assert reader.post(path, json=sent).status_code == 403
    assert ada.post(path, json=sent).json()["num_new"] == 3
    assert reader.get(path).json()["models"][0]["num_steps"] == 3


def test_jobs_of_another_batch_of_ones_own_are_no_steps_of_this_one(
    client: TestClient, database: Database
) -> None:
    batch_id, other = judged_batch(database), submit(database)
    answer = client.post(f"/api/batches/{other}/rewards", json=body(database, batch_id))
    assert (answer.status_code, answer.json()["field"]) == (422, "rewards[0]")
