"""Requests that the API refuses, and the field or line that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.messages import names

PROBLEMS = [{"problem": "What is 2 + 2?", "answer": "4", "id": "p1"}, {"problem": "What is 3 + 3?"}]


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    return make_api(servers, database, max_upload_bytes=10_000, max_problems=5, files_dir=files_dir)


def num_rows(database: Database) -> int:
    tables = ("batch", "problem", "job", "file", "event")
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    total: int = read_only_query(database, f"SELECT {counts}").rows[0][0]
    return total


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_an_idempotency_key_that_is_none_is_refused(client: TestClient, database: Database, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = client.post("/api/batches", json={"problems": PROBLEMS}, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert num_rows(database) == 0


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"problems": []}, "problems", "1"),
        ({}, "problems", "required"),
        ({"problems": PROBLEMS, "pair": "nobody"}, "pair", "demo"),
        (
            {"problems": PROBLEMS, "config": {"scheme": "magic"}},
            "config.scheme",
            "'base', 'drafter', 'specdecode', 'specreason' or 'specreason+decode'",
        ),
        (
            {"problems": PROBLEMS, "config": {"scheme": "specdecode"}},
            "config.scheme",
            "'demo'",
        ),
        (
            {"problems": PROBLEMS, "pair": "demo-decode", "config": {"scheme": "base"}},
            "config.scheme",
            "'demo-decode'",
        ),
        (
            {"problems": PROBLEMS, "config": {"max_step_tokens": 8, "min_step_tokens": 9}},
            "config.min_step_tokens",
            "max_step_tokens, 8",
        ),
        ({"problems": PROBLEMS, "config": {"threshold": 10}}, "config.threshold", "9"),
        (
            {"problems": PROBLEMS, "config": {"threshold": -1}},
            "config.threshold",
            "0",
        ),
        (
            {"problems": PROBLEMS, "config": {"token_budget": -5}},
            "config.token_budget",
            "1",
        ),
        ({"problems": PROBLEMS, "config": {"treshold": 5}}, "config.treshold", "'threshold'"),
        ({"problems": PROBLEMS, "colour": 1}, "colour", "unknown"),
        ({"problems": [{"problem": "x"}, {"answer": "4"}]}, "problems[1].problem", "required"),
        ({"problems": [{"problem": "  "}]}, "problems[0].problem", "1"),
        ({"problems": [{"problem": "x", "anwser": "4"}]}, "problems[0].anwser", "unknown"),
        ({"problems": [{"problem": "nul \0"}]}, "problems", "NUL"),
        ({"problems": [{"problem": "x"}] * 6}, "problems", "5"),
        ([1], "body", "object"),
    ],
)
def test_a_wrong_body_is_refused_with_the_field_and_stores_nothing(
    client: TestClient, database: Database, body: Any, field: str, says: str
) -> None:
    answer = client.post("/api/batches", json=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    error = answer.json()
    assert error["field"].startswith(field)
    assert names(error["detail"], says)
    assert num_rows(database) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"problem": "x"}\nnot json\n', "line 2:"),
        (b'{"problem": "x"}\n\n[1]\n', "line 3:"),
        (b'{"answer": "4"}\n', "line 1: problem:"),
        (b'{"problem": 5}\n', "line 1: problem:"),
        (b'{"problem": "\xff"}\n', "line 1:"),
        (b"\n\n", "file:"),
        (b"x" * 20_000, "10,000 bytes"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number_and_stores_nothing(
    client: TestClient, database: Database, content: bytes, says: str
) -> None:
    answer = client.post("/api/batches", files={"file": ("p.jsonl", content)})
    assert answer.status_code == (413 if len(content) > 10_000 else 422)
    assert says in answer.json()["detail"]
    assert num_rows(database) == 0


@pytest.mark.parametrize(
    ("request_of", "field"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "body"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, "Content-Type"),
        ({"data": {"name": "n"}, "files": {"other": ("p", b"")}}, "other"),
        ({"data": {"config": "{"}, "files": {"file": ("p", b'{"problem": "x"}')}}, "config"),
    ],
)
def test_a_request_of_the_wrong_form_is_refused(
    client: TestClient, request_of: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/batches", **request_of)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.json()["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize("path", ["batches/{}", "batches/{}/jobs", "jobs/{}", "jobs/{}/steps"])
def test_what_is_not_there_is_404_and_says_what_is_missing(client: TestClient, path: str) -> None:
    missing = uuid4()
    answer = client.get("/api/" + path.format(missing))
    assert answer.status_code == 404
    assert str(missing) in answer.json()["detail"]


def test_an_id_that_is_none_is_422_and_names_the_parameter(client: TestClient) -> None:
    answer = client.get("/api/batches/7")
    assert answer.status_code == 422
    assert answer.json()["field"] == "batch_id"
