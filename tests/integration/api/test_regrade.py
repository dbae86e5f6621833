"""`POST /api/batches/{id}/regrade`: other gold answers and graders, as JSON or with a file, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.config import RunConfig
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState, Scope
from tests.support.api.guarded import client_of, make_key
from tests.support.messages import names
from tests.support.store.builders import PAIR, claimed, insert_batch, job_ids, start_worker
from tests.support.store.grading import grade_all
from tests.support.store.sql import rows_of, scalar

# Each is answered as in RIGHT. One gold answer is wrong, and the last problem has none.
QUESTION = "Start with {}. A: add 3. B: subtract 4. C: add 8. D: subtract 2. What is the result?"
WRONG = {"q-0": "21", "q-1": "30", "q-2": None}
RIGHT = {"q-0": "20", "q-1": "30", "q-2": "40"}


def ended(database: Database, gold: dict[str | None, str | None] = WRONG) -> UUID:  # type: ignore[assignment]
    """A batch whose jobs have succeeded with the answers of RIGHT, and are graded."""
    problems = [
        NewProblem(text=QUESTION.format(15 + 10 * place), answer=answer, problem_id=name)
        for place, (name, answer) in enumerate(gold.items())
    ]
    new = NewBatch(name="sums", pair=PAIR, config=RunConfig(), problems=check(problems))
    batch_id = insert_batch(database, new)
    worker_id = start_worker(database)
    for job_id, answer in zip(job_ids(database, batch_id), RIGHT.values(), strict=False):
        assert finish(
            database, claimed(database, job_id, worker_id), JobResult(state=JobState.SUCCEEDED, answer=answer)
        )
    grade_all(database)
    return batch_id


def pass_at_1(client: TestClient, batch_id: UUID) -> tuple[float, int]:
    batch = client.get(f"/api/batches/{batch_id}").json()
    return batch["pass_at_1"], batch["num_graded"]


JSONL = "".join(
    json.dumps({"id": name, "problem": "as it was", "answer": answer}) + "\n"
    for name, answer in RIGHT.items()
)
CSV = "ID, Answer \n" + "".join(f"{name},{answer}\n" for name, answer in RIGHT.items())
IN_ORDER = "answer\n20\n30\n40\n"


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"answers": [{"id": name, "answer": answer} for name, answer in RIGHT.items()]}},
        {
            "json": {
                "answers": [{"id": "q-0", "answer": 20}, {"id": "q-2", "answer": ["40"]}],
                "grader": "layers",
            }
        },
        {"json": {"answers": [{"answer": 20}, {"answer": 30}, {"answer": "so #### 40"}]}},
        {"json": {"answers": [{"index": 0, "answer": 20}, {"id": "q-2", "answer": 40}]}},
        {"files": {"file": ("right.jsonl", JSONL)}},
        {"files": {"file": ("right.jsonl", JSONL)}, "data": {"grader": "layers"}},
        {"files": {"file": ("right.csv", CSV)}},
        {"files": {"file": ("right.csv", IN_ORDER)}},
    ],
    ids=["json", "some", "in order", "by index", "jsonl", "and a grader", "csv", "csv in order"],
)
def test_right_gold_answers_move_pass_at_1_and_every_grade_stays(
    client: TestClient, database: Database, sent: dict[str, Any]
) -> None:
    batch_id = ended(database)
    assert pass_at_1(client, batch_id) == (0.5, 2)
    asked = client.post(f"/api/batches/{batch_id}/regrade", **sent)
    assert asked.status_code == 200, asked.text
    found = asked.json()
    assert (found["num_changed"], found["num_ungraded"], found["num_regrading"]) == (3, 3, 2)
    assert (found["pass_at_1"], found["num_queued"], found["num_succeeded"]) == (0.5, 0, 3)
    grade_all(database)
    assert pass_at_1(client, batch_id) == (1.0, 3)
    assert rows_of(database, "SELECT gold, is_correct FROM grade ORDER BY id") == [
        ("21", False),
        ("30", True),
        ("20", True),
        ("30", True),
        ("40", True),
    ]
    assert scalar(database, "SELECT detail ->> 'grader' FROM event WHERE kind = 'batch_regraded'") is None


def test_without_a_body_the_same_gold_answers_are_graded_again(
    client: TestClient, database: Database
) -> None:
    batch_id = ended(database)
    assert client.post(f"/api/batches/{batch_id}/regrade").json()["num_changed"] == 2
    assert client.post(f"/api/batches/{batch_id}/regrade", json=None).status_code == 200
    grade_all(database)
    assert pass_at_1(client, batch_id) == (0.5, 2)


def test_problems_without_ids_of_their_own_are_named_by_their_index(
    client: TestClient, database: Database
) -> None:
    batch_id = insert_batch(
        database,
        NewBatch(
            name="",
            pair=PAIR,
            config=RunConfig(),
            problems=check([NewProblem(text="2 + 2?"), NewProblem(text="3 + 3?")]),
        ),
    )
    sent = {"answers": [{"id": 1, "answer": "6"}]}
    assert client.post(f"/api/batches/{batch_id}/regrade", json=sent).json()["num_changed"] == 0
    worker_id = start_worker(database)
    for job_id in job_ids(database, batch_id):
        finish(
            database, claimed(database, job_id, worker_id), JobResult(state=JobState.SUCCEEDED, answer="6")
        )
    grade_all(database)
    assert pass_at_1(client, batch_id) == (1.0, 1)


REFUSED: dict[str, tuple[dict[str, Any], tuple[object, ...]]] = {
    "unknown id": ({"json": {"answers": [{"id": "q-9", "answer": "1"}]}}, ("answers", "q-9")),
    "several unknown": (
        {"json": {"answers": [{"id": each, "answer": "1"} for each in ("q-0", "x", "y", "z")]}},
        ("answers", "x", 2),
    ),
    "index of one with an id": ({"json": {"answers": [{"id": 0, "answer": "1"}]}}, ("answers", "0")),
    "twice": ({"json": {"answers": [{"id": "q-0", "answer": "1"}] * 2}}, ("answers[1]: id", "q-0", "twice")),
    "some without": (
        {"json": {"answers": [{"id": "q-0", "answer": "1"}, {"answer": "2"}]}},
        ("answers[1]: id", "missing"),
    ),
    "first without": (
        {"json": {"answers": [{"answer": "1"}, {"id": "q-0", "answer": "2"}]}},
        ("answers[1]: id", "missing"),
    ),
    "too few in order": ({"json": {"answers": [{"answer": "1"}]}}, ("answers", 1, 3)),
    "no answer": ({"json": {"answers": [{"id": "q-0"}]}}, ("answers[0]: answer", "missing")),
    "none": ({"json": {"answers": [{"id": "q-0", "answer": None}]}}, ("answers[0]: answer", "none")),
    "index": ({"json": {"answers": [{"index": 3, "answer": "1"}]}}, ("answers", 3)),
    "id and index": (
        {"json": {"answers": [{"index": 0, "answer": "1"}, {"id": "q-0", "answer": "1"}]}},
        ("answers", "by its id and by its index"),
    ),
    "object": ({"json": {"answers": [{"id": "q-0", "answer": {"a": 1}}]}}, ("answers[0]: answer", "object")),
    "id is a list": ({"json": {"answers": [{"id": ["q-0"], "answer": "1"}]}}, ("answers[0]: id",)),
    "long": (
        {"json": {"answers": [{"id": "q-0", "answer": "1" * 20_001}]}},
        ("answers[0]: answer", "20,000"),
    ),
    "NUL": ({"json": {"answers": [{"id": "q-0", "answer": "1\0"}]}}, ("answers[0]: answer",)),
    "empty": ({"json": {"answers": []}}, ("answers",)),
    "not a list": ({"json": {"answers": {"q-0": "1"}}}, ("answers",)),
    "grader": ({"json": {"grader": "leyers"}}, ("grader", "layers")),
    "grader in a form": (
        {"data": {"grader": "nobody"}, "files": {"file": ("a.csv", IN_ORDER)}},
        ("grader", "nobody"),
    ),
    "unknown key": ({"json": {"gold": []}}, ("gold", "unknown")),
    "not JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, ("body", "JSON")),
    "empty file": ({"files": {"file": ("a.jsonl", "")}}, ("empty",)),
    "bad line": ({"files": {"file": ("a.jsonl", JSONL + "{")}}, ("line 4",)),
    "no such column": ({"files": {"file": ("a.csv", "id,text\nq-0,1\n")}}, ("row 1: answer", "id, text")),
    "kind of body": ({"content": b"q-0", "headers": {"Content-Type": "text/plain"}}, ("Content-Type",)),
}


def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(
    client: TestClient, database: Database
) -> None:
    batch_id = ended(database)
    for case, (sent, named) in REFUSED.items():
        answer = client.post(f"/api/batches/{batch_id}/regrade", **sent)
        assert answer.status_code == 422, (case, answer.text)
        assert names(answer.json()["detail"], *named), (case, answer.text)
    assert scalar(database, "SELECT count(*) FROM job WHERE graded_at IS NULL AND gradable") == 0
    assert scalar(database, "SELECT string_agg(answer, ',' ORDER BY index) FROM problem") == "21,30"


def test_an_id_of_two_problems_names_none(client: TestClient, database: Database) -> None:
    problems = [
        NewProblem(text="2?", answer="2", problem_id="same"),
        NewProblem(text="3?", answer="3", problem_id="same"),
    ]
    batch_id = insert_batch(
        database, NewBatch(name="", pair=PAIR, config=RunConfig(), problems=check(problems))
    )
    answer = client.post(
        f"/api/batches/{batch_id}/regrade", json={"answers": [{"id": "same", "answer": "1"}]}
    )
    assert (answer.status_code, names(answer.json()["detail"], 2, "same")) == (422, True)


def test_without_gold_answers_nothing_is_graded_again(client: TestClient, database: Database) -> None:
    batch_id = ended(database, {"q-0": None})
    assert client.post(f"/api/batches/{batch_id}/regrade").json()["num_changed"] == 0
    assert client.post(f"/api/batches/{uuid4()}/regrade").status_code == 404


def test_a_key_needs_the_scope_control_and_the_batch(guarded: FastAPI, database: Database) -> None:
    batch_id = ended(database)
    for scopes, status in ((["read", "submit"], 403), (["control"], 404)):
        with client_of(guarded, make_key(database, "someone", [*map(Scope, scopes)])) as client:
            assert client.post(f"/api/batches/{batch_id}/regrade").status_code == status
