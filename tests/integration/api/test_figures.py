"""GET /api/batches/{id}/figures."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.store.analysis import figures
from specreason.store.session import Database
from tests.support.api.guarded import client_of, make_key
from tests.support.store.builders import submit
from tests.support.store.known import build
from tests.support.store.sql import execute


def test_the_figures_of_a_batch_are_those_of_its_rows(client: TestClient, database: Database) -> None:
    batch_id = build(database).specreason
    found = client.get(f"/api/batches/{batch_id}/figures").json()
    drafting, right, tokens = found["drafting"], found["right_answers"], found["tokens"]
    assert (drafting["num_drafts"], drafting["num_jobs"], drafting["num_problems"]) == (16, 8, 4)
    assert drafting["acceptance"]["mean"] == pytest.approx(9 / 16)
    # A draft and its verdict take 0.3 s; the base's 103 tokens after the first ones of 15 calls 9.5 s.
    step_s = (9 * 8 + 7 * 10) / 16 * 9.5 / 103
    assert drafting["break_even"]["mean"] == pytest.approx((0.3 + 0.1) / (step_s + 0.1))
    assert drafting["margin"]["mean"] == pytest.approx(9 / 16 - drafting["break_even"]["mean"])
    assert right["pass_at_1"]["mean"] == pytest.approx(6 / 8)
    assert [(at["k"], at["share"]["mean"]) for at in right["pass_at_k"]] == [(2, 1.0)]
    assert [(at["k"], at["share"]["mean"]) for at in right["majority_at_k"]] == [(2, 0.75)]
    assert tokens["spent"]["mean"] == pytest.approx((3 * 24 + 3 * 34 + 2 * 44) / 8)
    assert tokens["drafter_steps"]["mean"] == pytest.approx(9 / 16)
    assert found["latency"]["mean"]["mean"] == pytest.approx((3 * 1.1 + 3 * 2.1 + 2 * 3.1) / 8 + 0.2)
    assert found["latency"]["concurrency"] == pytest.approx((6 * 1 + 2 * 2) / 8)
    assert found["drafter"]["ttft"]["mean"]["mean"] == pytest.approx(0.1)
    assert found["drafter"]["tpot"]["mean"]["mean"] == pytest.approx(0.1 / 7)
    assert (found["drafter"]["ttft"]["num_calls"], found["base"]["ttft"]["num_calls"]) == (16, 15)
    assert found["base"]["tpot"]["mean"]["mean"] == pytest.approx((7 * 0.9 / 9 + 8 * 0.4 / 5) / 15)
    assert "56 % of drafts are accepted" in found["says"]


def test_a_batch_of_the_base_alone_and_one_that_has_not_begun_get_a_sentence(
    client: TestClient, database: Database
) -> None:
    base = client.get(f"/api/batches/{build(database).base}/figures").json()
    assert base["says"].startswith("Nothing was drafted")
    assert (base["drafting"], base["drafter"]) == (None, None)
    assert base["base"]["num_jobs"] == base["tokens"]["num_jobs"] == 4
    assert base["tokens"]["speedup_limit"]["mean"] == 1
    empty = client.get(f"/api/batches/{submit(database)}/figures").json()
    assert empty["says"] == "There are no figures yet: no job has succeeded."


def test_only_jobs_that_succeeded_count(client: TestClient, database: Database) -> None:
    batch_id = build(database).specreason
    execute(database, f"UPDATE job SET state = 'failed' WHERE batch_id = '{batch_id}' AND num_steps = 4")
    execute(database, f"UPDATE job SET resumed = true WHERE batch_id = '{batch_id}' AND repeat = 1")
    found = client.get(f"/api/batches/{batch_id}/figures").json()
    assert found["drafting"]["num_drafts"] == 12
    assert found["drafting"]["acceptance"]["mean"] == pytest.approx(9 / 12)
    assert (found["num_succeeded"], found["tokens"]["num_jobs"], found["latency"]["num_jobs"]) == (6, 6, 3)


def test_of_a_very_large_batch_the_steps_of_whole_problems_are_read(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = build(database).specreason
    monkeypatch.setattr(figures, "MOST_STEPS", 13)
    found = client.get(f"/api/batches/{batch_id}/figures").json()
    assert found["share_read"] == 0.5
    assert 0 < found["drafting"]["num_problems"] < 4
    assert found["drafting"]["num_drafts"] == 4 * found["drafting"]["num_problems"]
    assert (found["tokens"]["num_problems"], found["latency"]["num_problems"]) == (4, 4)
    assert any("50.00%" in remark for remark in found["remarks"])


def test_a_wrong_k_is_refused(client: TestClient, database: Database) -> None:
    path = f"/api/batches/{build(database).specreason}/figures"
    assert client.get(path, params={"k": 2}).json()["right_answers"]["pass_at_k"][0]["k"] == 2
    for asked, field in (({"k": "0"}, "k"), ({"k": "3"}, "k"), ({"k": "many"}, "k"), ({"q": "1"}, "q")):
        answer = client.get(path, params=asked)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_another_owners_batch_and_an_unknown_one_are_404(guarded: FastAPI, database: Database) -> None:
    batch_id = build(database).base
    execute(database, "UPDATE batch SET owner = 'ada'")
    ada, eve = (client_of(guarded, make_key(database, name)) for name in ("ada", "eve"))
    assert ada.get(f"/api/batches/{batch_id}/figures").status_code == 200
    assert eve.get(f"/api/batches/{batch_id}/figures").status_code == 404
    assert ada.get(f"/api/batches/{uuid4()}/figures").status_code == 404
