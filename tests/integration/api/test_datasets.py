"""Datasets under /api: every way to send one chooses the same columns, says the same, and leaves out the same rows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pyarrow
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pyarrow import parquet

from api.native import dataset
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.messages import names
from tests.support.store.sql import rows_of, scalar

START = "Start with {}. A: add 3. What is the result?"
ROWS = [
    {"question": START.format(15), "Answer": "It is 18.\n#### 18", "ID": 1, "level": 3},
    {"question": START.format(25), "Answer": "It is 28.\n#### 28", "ID": 2, "level": 4},
]
TAKEN = [
    (START.format(number), str(number + 3), str(index), {"Answer": row["Answer"], "level": row["level"]})
    for index, (number, row) in enumerate(zip((15, 25), ROWS, strict=True), start=1)
]
ONE_BAD = [
    {"id": "a", "problem": "1?", "answer": "1"},
    {"id": "b", "problem": ""},
    {"id": "c", "problem": "3?"},
]


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    return make_api(servers, database, files_dir=files_dir, max_problems=20)


def jsonl(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)]
    return "\n".join(lines).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


def send_file(client: TestClient, name: str, content: bytes, **form: str) -> httpx2.Response:
    return client.post("/api/batches", data=form, files={"file": (name, content)})


def send_again(client: TestClient, name: str, content: bytes, **form: str) -> httpx2.Response:
    """Send the file as an upload of its own, and then its id."""
    file = client.post("/v1/files", data={"purpose": "batch"}, files={"file": (name, content)}).json()
    fields = {"file_id": file["id"], **form}
    return client.post("/api/batches", files={key: (None, value) for key, value in fields.items()})


def problems(database: Database) -> list[Any]:
    return list(rows_of(database, "SELECT text, answer, problem_id, source FROM problem ORDER BY index"))


@pytest.mark.parametrize(
    ("send", "name", "content", "form"),
    [
        (send_file, "p.NDJSON", jsonl(ROWS), {}),
        (send_file, "p.csv", csv(ROWS), {}),
        (send_file, "blob", csv(ROWS), {"format": "csv"}),
        (send_again, "p.csv", csv(ROWS), {}),
        (send_again, "p.jsonl", jsonl(ROWS), {}),
        (send_again, "p.bin", as_parquet(ROWS), {"format": "parquet"}),
    ],
)
def test_a_file_of_every_format_is_the_same_batch(
    client: TestClient,
    database: Database,
    *,
    send: Any,
    name: str,
    content: bytes,
    form: dict[str, str],
) -> None:
    answer = send(client, name, content, **form)
    assert answer.status_code == 201, answer.text
    taken = [(*row[:3], {**row[3], "level": int(row[3]["level"])}) for row in problems(database)]
    assert taken == TAKEN
    said = "\n".join(answer.json()["remarks"])
    assert names(said, "'question'", "'Answer'", "'ID'", "mapping.answer", "2 problems", "####")


@pytest.mark.parametrize("body", [ROWS, {"problems": ROWS}])
def test_rows_in_json_choose_their_columns_too(client: TestClient, database: Database, body: Any) -> None:
    answer = client.post("/api/batches", json=body)
    assert answer.status_code == 201, answer.text
    assert problems(database) == TAKEN
    assert names("\n".join(answer.json()["remarks"]), "'question'", "2 problems")


def test_a_list_alone_keeps_the_columns_that_problems_of_this_api_may_not_have(
    client: TestClient, database: Database
) -> None:
    row = {"problem": "1 + 1?", "answer": 2.0, "level": 3}
    refused = client.post("/api/batches", json={"problems": [row]})
    assert (refused.status_code, refused.json()["field"]) == (422, "problems[0].level")
    assert names(refused.json()["detail"], "mapping")
    for body in ([row], {"problems": [row], "mapping": {}}):
        assert client.post("/api/batches", json=body).status_code == 201
    own = {"problem": "1 + 1?", "answer": 2.0, "source": {"level": 3}}
    assert client.post("/api/batches", json={"problems": [own]}).status_code == 201
    assert set(map(str, problems(database))) == {str(("1 + 1?", "2", None, {"level": 3}))}


def test_that_nothing_can_be_graded_is_said_with_the_columns(client: TestClient) -> None:
    rows = [{"problem": "1 + 1?", "result": "2"}]
    for answer in (send_file(client, "p.jsonl", jsonl(rows)), client.post("/api/batches", json=rows)):
        (remark,) = answer.json()["remarks"]
        assert names(remark, "no answers", "problem, result")
    grid = {"problems": [{"problem": "1 + 1?"}], "grid": {"scheme": ["base", "drafter"]}}
    assert names(client.post("/api/grids", json=grid).json()["remarks"][0], "no answers")


def test_nested_columns_are_found_and_named(client: TestClient, database: Database) -> None:
    row = {
        "prompt": [{"role": "user", "content": "1 + 1?"}],
        "reward_model": {"ground_truth": "2"},
        "extra_info": {"index": 7, "gold": ["x", "y"]},
    }
    assert client.post("/api/batches", json=[row]).status_code == 201
    mapping = {"answer": "extra_info.gold.1", "id": ""}
    form = {"mapping": json.dumps(mapping)}
    assert send_file(client, "p.jsonl", jsonl([row]), **form).status_code == 201
    kept = {"reward_model": row["reward_model"], "extra_info": row["extra_info"]}
    found = list(rows_of(database, "SELECT text, answer, problem_id, source FROM problem ORDER BY id"))
    assert found == [("1 + 1?", "2", "7", kept), ("1 + 1?", "y", None, kept)]


@pytest.mark.parametrize(
    ("answer", "field"),
    [({"text": "2"}, "answer"), ([{"text": "2"}], "answer"), ([[1, 2], [3, 4]], "answer")],
)
def test_an_answer_that_holds_several_things_is_refused_with_their_names(
    client: TestClient, answer: Any, field: str
) -> None:
    row = {"problem": "1 + 1?", "answer": answer}
    of_file = send_file(client, "p.jsonl", jsonl([row])).json()
    inline = client.post("/api/batches", json={"problems": [row]}).json()
    assert (of_file["field"], inline["field"]) == (f"line 1: {field}", f"problems[0].{field}")
    assert "answer.0" in of_file["detail"] or "answer.text" in of_file["detail"]


@pytest.mark.parametrize(
    ("send", "where", "field"),
    [
        (
            lambda client: send_file(client, "p.jsonl", jsonl(ONE_BAD), skip_invalid="true"),
            "line 2",
            "problem",
        ),
        (
            lambda client: send_again(client, "p.jsonl", jsonl(ONE_BAD), skip_invalid="true"),
            "line 2",
            "problem",
        ),
        (
            lambda client: client.post("/api/batches", json={"problems": ONE_BAD, "skip_invalid": True}),
            "problems[1]",
            "problem",
        ),
        (
            lambda client: client.post(
                "/api/batches", json={"problems": [ONE_BAD[0], 5, ONE_BAD[2]], "skip_invalid": True}
            ),
            "problems[1]",
            None,
        ),
    ],
)
def test_an_invalid_row_is_left_out_if_that_is_asked_for(
    client: TestClient, database: Database, send: Any, where: str, field: str | None
) -> None:
    answer = send(client)
    assert answer.status_code == 201, answer.text
    batch = answer.json()
    assert (batch["num_problems"], batch["skipped"]) == (2, 1)
    (error,) = batch["errors"]
    assert (error["where"], error["field"]) == (where, field)
    assert error["reason"]
    assert names("\n".join(batch["remarks"]), "1 invalid row", where)
    assert [row[2] for row in problems(database)] == ["a", "c"]


def test_a_grid_leaves_out_the_same_row_of_each_batch(client: TestClient, database: Database) -> None:
    body = {"problems": ONE_BAD, "skip_invalid": True, "grid": {"scheme": ["base", "drafter"]}}
    answer = client.post("/api/grids", json=body).json()
    assert (answer["skipped"], answer["errors"][0]["where"]) == (1, "problems[1]")
    assert [batch["num_problems"] for batch in answer["data"]] == [2, 2]


def test_without_being_asked_for_nothing_is_left_out(client: TestClient, database: Database) -> None:
    for answer in (
        send_file(client, "p.jsonl", jsonl(ONE_BAD)),
        send_file(client, "p.jsonl", jsonl(ONE_BAD), skip_invalid="false"),
        client.post("/api/batches", json=ONE_BAD),
    ):
        assert answer.status_code == 422
    assert scalar(database, "SELECT count(*) FROM batch") == 0


def test_rows_that_are_all_invalid_are_refused_with_the_first(client: TestClient, database: Database) -> None:
    bad = [{"problem": ""}, {"problem": 5}]
    answer = send_file(client, "p.jsonl", jsonl(bad), skip_invalid="true")
    assert (answer.status_code, answer.json()["field"]) == (422, "line 1: problem")
    assert names(answer.json()["detail"], "2 rows")
    none = client.post("/api/batches", json={"problems": [{"text": "x"}], "skip_invalid": True})
    assert names(none.json()["detail"], "problems[0].problem", "text")
    assert scalar(database, "SELECT count(*) FROM batch") == 0


def test_an_answer_lists_the_first_invalid_rows_and_counts_all(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "MOST_SKIPPED", 3)
    rows = [{"problem": "1?"}, *[{"problem": ""}] * 9]
    batch = send_file(client, "p.jsonl", jsonl(rows), skip_invalid="true").json()
    assert (batch["skipped"], len(batch["errors"])) == (9, 3)


def test_rows_that_are_left_out_count_against_the_limit(client: TestClient) -> None:
    answer = send_file(client, "p.jsonl", jsonl([{"problem": ""}] * 21), skip_invalid="true")
    assert (answer.status_code, answer.json()["field"]) == (422, "file")
    assert names(answer.json()["detail"], "20 problems")


def test_the_same_request_again_gets_the_same_answer_with_what_it_left_out(client: TestClient) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"problems": ONE_BAD, "skip_invalid": True}
    first, again = (client.post("/api/batches", json=body, headers=headers) for _ in range(2))
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
