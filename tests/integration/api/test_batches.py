"""Batches on a real database: stored once, announced, and read page by page."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from redis import Redis
from sqlalchemy import text

from specreason.addresses import BrokerAddress
from specreason.embedded import Servers
from specreason.store.access.idempotency import RequestKey, earlier_answer
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.query import read_only_query
from specreason.store.session import Database, transaction
from tests.support.api.apps import NO_BROKER, make_api
from tests.support.api.live import LOCAL


@pytest.fixture
def empty_queues(servers: Servers) -> None:
    """Messages that other tests have left count as announced."""
    with Redis.from_url(BrokerAddress.parse("broker", servers.broker_url).for_redis) as broker:
        broker.flushdb()


PROBLEMS = [{"problem": "What is 2 + 2?", "answer": "4", "id": "p1"}, {"problem": "What is 3 + 3?"}]


def num_rows(database: Database) -> int:
    tables = ("batch", "problem", "job", "file", "event")
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    total: int = read_only_query(database, f"SELECT {counts}").rows[0][0]
    return total


@pytest.mark.usefixtures("empty_queues")
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


def test_a_form_sent_again_is_the_same_request_with_any_boundary(
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
