"""The HTTP API on a real database: what it takes, what it refuses and how it says so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from specreason.embedded import Servers
from specreason.store.access.idempotency import RequestKey, earlier_answer
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.query import read_only_query
from specreason.store.session import Database, transaction
from tests.support.apps import NO_BROKER, make_api
from tests.support.live_api import LOCAL
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


def test_a_batch_is_stored_with_its_jobs_and_announced_to_as_many_slots_as_there_are(
    client: TestClient, database: Database
) -> None:
    new = NewWorker(pair="demo", pair_fingerprint="demo-1", host="here", pid=1, slots=2)
    register_worker(database, new, lease_s=60)
    answer = client.post(
        "/api/batches", json={"name": "first", "problems": PROBLEMS, "config": {"repeats": 3}}
    )
    assert answer.status_code == 201
    batch = answer.json()
    assert (batch["num_problems"], batch["num_jobs"], batch["num_queued"]) == (2, 6, 6)
    assert batch["config"]["threshold"] == 7  # the pair's default is written down
    announced = read_only_query(database, "SELECT count(*) FROM job WHERE published_at IS NOT NULL")
    assert announced.rows == ((4,),)


def test_a_request_sent_again_under_its_key_is_the_same_batch(client: TestClient, database: Database) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = (client.post("/api/batches", json={"problems": PROBLEMS}, headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert read_only_query(database, "SELECT count(*) FROM batch").rows == ((1,),)
    odd = {"problems": [{"problem": "1 + 1?", "source": {"half": "\ud800"}}], "name": "\0"}
    body = json.dumps(odd).encode()
    headers = {"Idempotency-Key": "odd", "Content-Type": "application/json"}
    assert client.post("/api/batches", content=body, headers=headers).status_code == 201
    other = client.post("/api/batches", json={"problems": PROBLEMS[:1]}, headers=key)
    assert other.status_code == 422
    assert other.json()["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_an_idempotency_key_that_is_none_is_refused(client: TestClient, database: Database, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = client.post("/api/batches", json={"problems": PROBLEMS}, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert num_rows(database) == 0


def test_while_the_first_request_under_a_key_runs_the_second_is_told_when_to_ask_again(
    client: TestClient, database: Database
) -> None:
    body = {"problems": PROBLEMS}
    running = RequestKey(owner=None, path="/api/batches", key="k", body_hash="")
    with transaction(database) as connection:
        earlier_answer(connection, running)
        second = client.post("/api/batches", json=body, headers={"Idempotency-Key": "k"})
        assert client.post("/api/batches", json=body).status_code == 201
    assert second.status_code == 409
    assert int(second.headers["Retry-After"]) > 0
    assert client.post("/api/batches", json=body, headers={"Idempotency-Key": "k"}).status_code == 201


def test_a_form_sent_again_is_the_same_request_whatever_its_boundary(
    client: TestClient, database: Database
) -> None:
    key = {"Idempotency-Key": "form"}
    first, again = (
        client.post("/api/batches", files={"file": ("p.jsonl", '{"problem": "1 + 1?"}')}, headers=key)
        for _ in range(2)
    )
    assert first.request.headers["Content-Type"] != again.request.headers["Content-Type"]
    assert (again.status_code, again.content) == (201, first.content)
    other = client.post("/api/batches", files={"file": ("p.jsonl", '{"problem": "2?"}')}, headers=key)
    assert other.status_code == 422


def test_while_postgres_is_away_nothing_is_accepted_and_the_client_is_told_when_to_come_back(
    client: TestClient, database: Database, administration: Database
) -> None:
    name = database.url.database
    with administration.connect() as postgres:
        postgres.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        postgres.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        away = client.post("/api/batches", json={"problems": PROBLEMS})
        postgres.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    assert away.status_code == 503
    assert int(away.headers["Retry-After"]) > 0
    assert num_rows(database) == 0
    assert client.post("/api/batches", json={"problems": PROBLEMS}).status_code == 201


def test_an_uploaded_file_is_kept_and_its_other_columns_with_it(
    client: TestClient, database: Database
) -> None:
    lines = '{"problem": "1+1?", "answer": 2, "id": 60, "url": "u"}\n\n{"problem": "2+2?"}\n'
    form = {"config": json.dumps({"scheme": "base"}), "name": "uploaded"}
    answer = client.post("/api/batches", data=form, files={"file": ("p.jsonl", lines)})
    assert answer.status_code == 201
    assert answer.json()["scheme"] == "base"
    rows = read_only_query(database, 'SELECT problem_id, answer, source FROM problem ORDER BY "index"').rows
    assert rows == (("60", "2", {"url": "u"}), (None, None, {}))
    assert read_only_query(database, "SELECT num_bytes FROM file").rows == ((len(lines),),)


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
        ({"problems": PROBLEMS, "config": {"treshold": 5}}, "config.treshold", "unknown"),
        ({"problems": PROBLEMS, "colour": 1}, "colour", "unknown"),
        ({"problems": [{"problem": "x"}, {"answer": "4"}]}, "problems.1.problem", "required"),
        ({"problems": [{"problem": "  "}]}, "problems.0.problem", "1"),
        ({"problems": [{"problem": "x", "anwser": "4"}]}, "problems.0.anwser", "unknown"),
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
        (b"x" * 20_000, "10000 bytes"),
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


def test_jobs_and_batches_are_read_page_by_page(client: TestClient) -> None:
    ids = [client.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"] for _ in range(3)]
    first = client.get("/api/batches", params={"limit": 2}).json()
    second = client.get("/api/batches", params={"limit": 2, "before": first["next"]}).json()
    assert [batch["batch_id"] for batch in first["data"] + second["data"]] == ids[::-1]
    assert second["next"] is None
    jobs = client.get(f"/api/batches/{ids[0]}/jobs", params={"limit": 1}).json()
    rest = client.get(f"/api/batches/{ids[0]}/jobs", params={"after": jobs["next"]}).json()
    assert [job["problem_index"] for job in jobs["data"] + rest["data"]] == [0, 1]


def test_a_page_of_long_problems_is_shorter_and_says_that_more_follow(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [{"problem": "x" * length} for length in (10, 10, 30, 100, 10)]
    batch_id = client.post("/api/batches", json={"problems": problems}).json()["batch_id"]
    monkeypatch.setattr("specreason.store.read.pages.PAGE_BYTES", 50)
    path, pages, after = f"/api/batches/{batch_id}/jobs", [], None
    while not pages or after:
        page = client.get(path, params={"after": after} if after else {}).json()
        pages.append([job["problem_index"] for job in page["data"]])
        after = page["next"]
    assert pages == [[0, 1, 2], [3], [4]]


def test_a_broker_that_is_away_loses_no_job(servers: Servers, database: Database) -> None:
    app = make_api(servers, database, broker_url=NO_BROKER)
    with TestClient(app, base_url=LOCAL) as client:
        answer = client.post("/api/batches", json={"problems": PROBLEMS})
    assert answer.status_code == 201
    assert UUID(answer.json()["batch_id"])


def test_the_documentation_names_every_endpoint(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path.removeprefix("/api/") for path in paths} == {
        "/v1/models",
        "/v1/models/{model}",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "grids",
        "batches/{batch_id}/results",
        "batches",
        "batches/{batch_id}",
        "batches/{batch_id}/jobs",
        *(
            f"batches/{{batch_id}}/{action}"
            for action in ("cancel", "pause", "resume", "requeue", "deadline", "priority", "events")
        ),
        "jobs/{job_id}",
        *(f"jobs/{{job_id}}/{what}" for what in ("steps", "attempts", "events")),
        *(f"jobs/{{job_id}}/{action}" for action in ("cancel", "requeue", "deadline")),
        "workers",
        "health",
    }
    assert set(paths["/api/batches"]["post"]["requestBody"]["content"]) == {
        "application/json",
        "multipart/form-data",
    }


def test_the_page_of_the_api_needs_nothing_from_another_server(client: TestClient) -> None:
    page = client.get("/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 3
    assert all(client.get(f"/{source}").status_code == 200 for source in sources)
    assert "https://" not in page
