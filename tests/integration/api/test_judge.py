"""GET /api/batches/{id}/judge."""

from __future__ import annotations

from unittest.mock import Mock
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.config import RunConfig
from specreason.errors import ExtraMissing
from specreason.store.analysis.judge import judged
from specreason.store.session import Database
from tests.support.api.guarded import client_of, make_key
from tests.support.store.builders import submit
from tests.support.store.judged_batches import judged_batch
from tests.support.store.sql import execute


def test_a_judgement_has_the_scores_against_answers_and_truth_and_every_other_threshold(
    client: TestClient, database: Database
) -> None:
    batch_id = judged_batch(database)
    found = client.get(f"/api/batches/{batch_id}/judge").json()
    assert (found["batch_id"], found["num_jobs"], found["num_problems"]) == (str(batch_id), 3, 3)
    assert found["verdicts"]["num_drafts"] == 15
    assert found["verdicts"]["acceptance"]["mean"] == pytest.approx(0.8)
    assert (found["outcome"]["num_jobs"], found["outcome"]["num_right"]) == (3, 2)
    assert found["outcome"]["digit_auc"]["mean"] == pytest.approx(0.5)
    assert (found["truth"]["num_right"], found["truth"]["num_wrong"]) == (9, 6)
    assert found["truth"]["wrong_accepted"]["mean"] == pytest.approx(0.5)
    assert [(each["low"], each["num_drafts"]) for each in found["by_score"]] == [(3, 3), (8, 12)]
    by_digit = found["replay"]["by_digit"]
    assert [(each["low"], each["high"], each["num_accepted"]) for each in by_digit] == [
        (0, 3, 15),
        (4, 8, 12),
        (9, 9, 0),
    ]
    assert [each["is_present"] for each in by_digit] == [False, True, False]
    assert found["replay"]["num_unlike"] == 0
    assert found["replay"]["asked"] is None
    assert "answers" in found["summary"][0]
    assert "Against the truth" in found["summary"][1]


def test_one_threshold_can_be_asked_for_by_either_score(client: TestClient, database: Database) -> None:
    path = f"/api/batches/{judged_batch(database)}/judge"
    asked = client.get(path, params={"threshold": 9}).json()["replay"]["asked"]
    assert asked["rule"] == {"score_method": "greedy", "threshold": 9}
    assert (asked["num_accepted"], asked["num_changed"]) == (0, 12)
    params = {"threshold": 6, "score_method": "expected"}
    asked = client.get(path, params=params).json()["replay"]["asked"]
    assert (asked["rule"]["score_method"], asked["num_accepted"]) == ("expected", 12)


def test_a_wrong_rule_is_refused(client: TestClient, database: Database) -> None:
    path = f"/api/batches/{submit(database)}/judge"
    for params, field in (
        ({"threshold": "10"}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"score_method": "expected"}, "threshold"),
        ({"threshold": "5", "score_method": "mean"}, "score_method"),
        ({"treshold": "5"}, "treshold"),
    ):
        answer = client.get(path, params=params)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_batch_without_drafts_gets_a_sentence(client: TestClient, database: Database) -> None:
    for batch_id in (
        submit(database),
        judged_batch(database, ["21"], config=RunConfig(scheme="base"), steps=[]),
    ):
        found = client.get(f"/api/batches/{batch_id}/judge", params={"threshold": 5}).json()
        assert found["summary"][0].startswith("There is nothing to judge")
        assert (found["verdicts"], found["replay"], found["by_score"]) == (None, None, [])


def test_a_library_that_is_missing_is_one_of_the_machine_where_the_api_runs(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = submit(database)
    monkeypatch.setattr(judged, "read_judged", Mock(side_effect=ExtraMissing("scipy")))
    answer = client.get(f"/api/batches/{batch_id}/judge")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("where the API runs, scipy is not installed: pip install")


def test_another_owners_batch_and_an_unknown_one_are_404(guarded: FastAPI, database: Database) -> None:
    batch_id = judged_batch(database, ["21"])
    execute(database, "UPDATE batch SET owner = 'ada'")
    ada, eve = (client_of(guarded, make_key(database, name)) for name in ("ada", "eve"))
    assert ada.get(f"/api/batches/{batch_id}/judge").status_code == 200
    assert eve.get(f"/api/batches/{batch_id}/judge").status_code == 404
    assert ada.get(f"/api/batches/{uuid4()}/judge").status_code == 404


def test_more_judgements_than_there_is_room_for_come_back_later(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/batches/{submit(database)}/judge"
    with monkeypatch.context() as patch:
        patch.setattr("api.streams.MOST_JUDGEMENTS", 0)
        assert client.get(path).status_code == 429
    assert client.get(path).status_code == 200
