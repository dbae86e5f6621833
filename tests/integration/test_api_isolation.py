"""Two keys of two owners: nothing of the one is shown to the other, by any route of the document, id or filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.keys import IssuedKey
from specreason.store.session import Database, read_only_query
from specreason.store.states import Scope
from specreason.store.traces import TraceWriter
from tests.integration.guarded_api import PROBLEMS, client_of, guarded_app, make_key
from tests.integration.store_builders import accepted, append_all, claimed, execute, job_ids, start_worker

BODIES: dict[str, Any] = {
    "/api/batches/{batch_id}/deadline": {"deadline_at": "2020-01-01T00:00:00Z"},
    "/api/jobs/{job_id}/deadline": {"deadline_at": "2020-01-01T00:00:00Z"},
    "/api/batches/{batch_id}/priority": {"priority": 9},
    "/api/batches/{batch_id}/requeue": {"states": ["cancelled", "failed"]},
}
QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"limit": 1000},
    {"open": "true"},
    {"open": "false"},
    {"name": "ada"},
    {"name": "%"},
    {"before": "ffffffff-ffff-ffff-ffff-ffffffffffff"},
    {"state": "running"},
    {"is_correct": "none"},
    {"error": ""},
    {"after": 0},
)
ROWS = """SELECT (SELECT json_agg(batch ORDER BY id) FROM batch)::text
    || (SELECT json_agg(job ORDER BY id) FROM job)::text || (SELECT count(*) FROM event)"""


class Owned:
    """An owner with a batch that has a job in each of several states, steps, and attempts."""

    def __init__(self, app: FastAPI, issued: IssuedKey) -> None:
        self.client = client_of(app, issued)
        body = {"name": "of ada", "problems": PROBLEMS, "config": {"repeats": 2}}
        headers = {"Idempotency-Key": "mine"}
        answer = self.client.post("/api/batches", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        self.batch_id = answer.json()["batch_id"]

    @property
    def job_ids(self) -> list[str]:
        return [job["job_id"] for job in self.client.get(f"/api/batches/{self.batch_id}/jobs").json()["data"]]


@pytest.fixture
def app(servers: Servers, database: Database) -> FastAPI:
    return guarded_app(servers, database)


@pytest.fixture
async def ada(app: FastAPI, database: Database) -> Owned:
    owned = Owned(app, make_key(database, "ada"))
    execute(database, "UPDATE job SET pair = 'scripted'")
    running, _, failed, _ = job_ids(database, UUID(owned.batch_id))
    worker_id = start_worker(database)
    writer = TraceWriter(database)
    await append_all(writer, claimed(database, running, worker_id), accepted(0), accepted(1))
    execute(
        database,
        f"UPDATE job SET state = 'failed', error = 'no', finished_at = now() WHERE id = '{failed}'",
    )
    return owned


@pytest.fixture
def bob(app: FastAPI, database: Database) -> TestClient:
    return client_of(app, make_key(database, "bob"))


def calls(app: FastAPI, batch_id: str, job_id: str) -> Iterator[tuple[str, str, str]]:
    """Every operation of the document with these ids: method, path as documented, path to call."""
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path, path.format(batch_id=batch_id, job_id=job_id)


def stored(database: Database) -> object:
    return read_only_query(database, ROWS).rows


async def test_no_route_shows_or_changes_anything_of_another_owner(
    app: FastAPI, database: Database, ada: Owned, bob: TestClient
) -> None:
    secrets = {ada.batch_id, *ada.job_ids}
    before, num_denied = stored(database), 0
    for job_id in ada.job_ids:
        for method, path, url in calls(app, ada.batch_id, job_id):
            for query in QUERIES if method == "GET" else QUERIES[:1]:
                answer = bob.request(method, url, params=query, json=BODIES.get(path))
                shown = {secret for secret in secrets if secret in answer.text}
                if "{" in path:
                    assert answer.status_code in (404, 422), (method, url, answer.text)
                    num_denied += answer.status_code == 404
                    shown -= {ada.batch_id, job_id}  # what he sent himself
                assert not shown, (method, url, query)
    assert num_denied > 100
    assert stored(database) == before


async def test_what_is_anothers_answers_as_what_is_not_there(
    app: FastAPI, ada: Owned, bob: TestClient
) -> None:
    guessed, nothing = (ada.batch_id, ada.job_ids[0]), (str(uuid4()), str(uuid4()))
    for (method, path, url), (_, _, missing) in zip(calls(app, *guessed), calls(app, *nothing), strict=True):
        if "{" in path:
            theirs = bob.request(method, url, json=BODIES.get(path))
            none = bob.request(method, missing, json=BODIES.get(path))
            assert theirs.status_code == none.status_code == 404
            said = theirs.text.replace(guessed[0], nothing[0]).replace(guessed[1], nothing[1])
            assert said == none.text


async def test_the_owner_and_an_administrator_see_all_of_it(
    app: FastAPI, database: Database, ada: Owned
) -> None:
    root = client_of(app, make_key(database, "root", [Scope.ADMIN]))
    running = ada.job_ids[0]
    for client in (ada.client, root):
        assert [batch["batch_id"] for batch in client.get("/api/batches").json()["data"]] == [ada.batch_id]
        assert len(client.get(f"/api/jobs/{running}/steps").json()["data"]) == 2
        assert len(client.get(f"/api/jobs/{running}/attempts").json()["data"]) == 1
    for client in (ada.client, root):
        for method, path, url in calls(app, ada.batch_id, running):
            if "{" in path and not path.endswith("/events"):
                assert client.request(method, url, json=BODIES.get(path)).status_code == 200, url


async def test_the_same_idempotency_key_of_another_owner_answers_nothing_of_the_first(
    ada: Owned, bob: TestClient
) -> None:
    body = {"name": "of ada", "problems": PROBLEMS, "config": {"repeats": 2}}
    answer = bob.post("/api/batches", json=body, headers={"Idempotency-Key": "mine"})
    assert answer.status_code == 201
    assert ada.batch_id not in answer.text
