"""Two keys of two owners: nothing of the one is shown to the other, by any route of the document, id or filter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from specreason.store.trace.writer import TraceWriter
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.openai_builders import jsonl
from tests.support.api.owned import (
    COMPARED,
    GRID,
    KEY,
    LINES,
    NAME,
    SUBMISSION,
    Ids,
    Owned,
    openai_batch,
    plain,
)
from tests.support.store.builders import accepted, append_all, claimed, start_worker
from tests.support.store.sql import execute, rows_of

PUBLIC = {"/v1/models/{model}"}
BODIES: dict[str, Any] = {
    "/api/batches/{batch_id}/deadline": {"deadline_at": "2020-01-01T00:00:00Z"},
    "/api/jobs/{job_id}/deadline": {"deadline_at": "2020-01-01T00:00:00Z"},
    "/api/batches/{batch_id}/priority": {"priority": 9},
    "/api/batches/{batch_id}/requeue": {"states": ["cancelled", "failed"]},
}
REWARDS = "/api/batches/{batch_id}/rewards"
QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"limit": 100},
    {"limit": 1000},
    {"open": "true"},
    {"open": "false"},
    {"name": NAME},
    {"name": "%"},
    {"before": "ffffffff-ffff-ffff-ffff-ffffffffffff"},
    {"state": "running"},
    {"is_correct": "none"},
    {"error": ""},
    {"after": 0},
    {"after": f"file-{'f' * 32}"},
    {"after": f"batch_{'f' * 32}"},
    {"order": "asc"},
    {"purpose": "batch_output"},
)
TABLES = ("file", "openai_batch", "batch", "job", "idempotency_key")
ROWS = " UNION ALL ".join(f"SELECT (SELECT json_agg({table}) FROM {table})::text" for table in TABLES)
NOTHING = Ids(
    batch_id=str(uuid4()),
    job_id=str(uuid4()),
    openai_id=f"batch_{uuid4().hex}",
    file_id=f"file-{uuid4().hex}",
    webhook_id=str(uuid4()),
)


def body(path: str, ids: Ids) -> Any:
    """What the operation takes beside the ids in its path."""
    if path == REWARDS:
        reward = {"job_id": ids.job_id, "step_index": 0, "score": 0.5}
        return {"prm": "prm", "revision": "1", "rewards": [reward]}
    return BODIES.get(path)


@pytest.fixture
def app(servers: Servers, database: Database, tmp_path: Path) -> Iterator[FastAPI]:
    app = guarded_app(servers, database, tmp_path)
    with TestClient(app):  # for as long as the application lives
        yield app


@pytest.fixture
async def ada(app: FastAPI, database: Database) -> Owned:
    owned = Owned(app, database)
    running, _, failed, _ = owned.jobs
    job = claimed(database, UUID(running), start_worker(database))
    await append_all(TraceWriter(database), job, accepted(0), accepted(1, f"{NAME}.\n\n"))
    execute(
        database,
        f"UPDATE job SET state = 'failed', error = '{NAME}', finished_at = now() WHERE id = '{failed}'",
    )
    return owned


@pytest.fixture
def bob(app: FastAPI, database: Database) -> TestClient:
    return client_of(app, make_key(database, "bob"))


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of all in the document; what deletes comes last."""
    found = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    return sorted(found, key=lambda operation: operation[0] == "DELETE")


def queries(app: FastAPI, method: str, path: str) -> list[dict[str, Any]]:
    """The queries that the operation takes, and the first of those that it does not."""
    parameters = app.openapi()["paths"][path][method.lower()].get("parameters", [])
    known = {parameter["name"] for parameter in parameters}
    unknown = [query for query in QUERIES if not query.keys() <= known]
    return [query for query in QUERIES if query.keys() <= known] + unknown[:1]


def owned_operations(app: FastAPI) -> list[tuple[str, str]]:
    """Those on something that has an owner."""
    return [
        (method, path)
        for method, path in operations(app)
        if ("{" in path and path not in PUBLIC) or path in COMPARED
    ]


def stored(database: Database, folder: Path) -> object:
    """All that there is, as far as a request may change it."""
    return rows_of(database, ROWS), sorted(path.name for path in folder.iterdir())


async def test_no_route_shows_or_changes_anything_of_another_owner(
    app: FastAPI, database: Database, ada: Owned, bob: TestClient, tmp_path: Path
) -> None:
    secrets, owned = ada.secrets, set(owned_operations(app))
    before, num_denied, num_listed = stored(database, tmp_path), 0, 0
    for ids in ada.ids:
        for method, path in operations(app):
            url = ids.url(path)
            for query in queries(app, method, path):
                params = ids.query(path) | query
                answer = bob.request(method, url, params=params, json=body(path, ids))
                sent, text = plain(url + json.dumps(params)), plain(answer.text)
                assert not {each for each in secrets if each in text and each not in sent}, (url, query)
                if (method, path) in owned:
                    assert answer.status_code in (400, 404, 422), (method, url, answer.text)
                    num_denied += answer.status_code == 404
                elif method == "GET" and not query:
                    assert answer.status_code == 200, url
                    num_listed += 1
    assert num_denied > 200
    assert num_listed >= 7 * len(ada.ids)
    assert stored(database, tmp_path) == before


async def test_what_is_anothers_answers_as_what_is_not_there(
    app: FastAPI, ada: Owned, bob: TestClient
) -> None:
    hers = ada.ids[0]
    for method, path in owned_operations(app):
        theirs, none = (
            bob.request(method, ids.url(path), params=ids.query(path), json=body(path, ids))
            for ids in (hers, NOTHING)
        )
        assert theirs.status_code == none.status_code == 404, path
        said = plain(theirs.text)
        for guessed, nothing in (
            (hers.batch_id, NOTHING.batch_id),
            (hers.job_id, NOTHING.job_id),
            (hers.webhook_id, NOTHING.webhook_id),
            (hers.openai_id.removeprefix("batch_"), NOTHING.openai_id.removeprefix("batch_")),
            (hers.file_id.removeprefix("file-"), NOTHING.file_id.removeprefix("file-")),
        ):
            said = said.replace(plain(guessed), plain(nothing))
        assert said == plain(none.text)


async def test_another_owners_file_becomes_nothing_of_ones_own(
    database: Database, ada: Owned, bob: TestClient, tmp_path: Path
) -> None:
    grid, before = json.dumps(GRID["grid"]), stored(database, tmp_path)
    for file_id in (ada.file_id, *ada.result_ids, NOTHING.file_id):
        refused = bob.post("/v1/batches", json=openai_batch(file_id))
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input_file_id")
        for path, form in (("/api/batches", {}), ("/api/grids", {"grid": (None, grid)})):
            refused = bob.post(path, files={"file_id": (None, file_id), **form})
            assert (refused.status_code, refused.json()["field"]) == (422, "file_id")
    assert stored(database, tmp_path) == before


async def test_a_page_behind_something_of_anothers_is_empty(ada: Owned, bob: TestClient) -> None:
    for path, query in (
        ("/v1/files", {"after": ada.file_id, "order": "asc"}),
        ("/v1/files", {"after": ada.result_ids[0], "order": "desc"}),
        ("/v1/batches", {"after": ada.openai_id}),
    ):
        page = bob.get(path, params=query)
        assert (page.status_code, page.json()["data"], page.json()["has_more"]) == (200, [], False)
    assert bob.get("/api/batches", params={"before": ada.batch_id}).json() == {"data": [], "next": None}


async def test_who_has_things_of_his_own_sees_these_and_no_other(
    database: Database, ada: Owned, bob: TestClient
) -> None:
    secrets = ada.secrets
    his = bob.post("/api/batches", json={"problems": [{"problem": "1 + 1?"}]}).json()["batch_id"]
    form = {"data": {"purpose": "batch"}, "files": {"file": ("his.jsonl", jsonl(LINES))}}
    his_file = bob.post("/v1/files", **form).json()["id"]  # type: ignore[arg-type]
    assert [batch["batch_id"] for batch in bob.get("/api/batches").json()["data"]] == [his]
    assert [file["id"] for file in bob.get("/v1/files").json()["data"]] == [his_file]
    assert bob.get("/v1/batches").json()["data"] == []
    # An event of another owner stands between two of this one.
    controls.cancel_batch(database, Viewer.EVERYONE, UUID(ada.batch_id))
    assert bob.post(f"/api/batches/{his}/cancel").status_code == 200
    stream = bob.get(f"/api/batches/{his}/events").text
    assert stream.count("event: job_ended") == 1
    assert not {each for each in secrets if each in plain(stream)}


async def test_the_owner_and_an_administrator_see_all_of_it(
    app: FastAPI, database: Database, ada: Owned
) -> None:
    root = client_of(app, make_key(database, "root", [Scope.ADMIN]))
    running = next(iter(ada.jobs))
    one = Ids(
        batch_id=ada.batch_id,
        job_id=running,
        openai_id=ada.openai_id,
        file_id=ada.file_id,
        webhook_id=ada.webhook_ids[0],
    )
    for client in (ada.client, root):
        batches = [batch["batch_id"] for batch in client.get("/api/batches").json()["data"]]
        assert (len(batches), ada.batch_id in batches) == (4, True)  # the grid's two, and one of OpenAI's
        hooks = [hook["webhook_id"] for hook in client.get("/api/webhooks").json()["data"]]
        assert hooks == ada.webhook_ids[::-1]
        assert [batch["id"] for batch in client.get("/v1/batches").json()["data"]] == [ada.openai_id]
        files = {file["id"] for file in client.get("/v1/files").json()["data"]}
        assert files == {ada.file_id, *ada.result_ids}
        for file_id in files:
            assert client.get(f"/v1/files/{file_id}/content").content
        assert len(client.get(f"/api/jobs/{running}/steps").json()["data"]) == 2
        assert len(client.get(f"/api/jobs/{running}/attempts").json()["data"]) == 1
        assert len(client.get(f"/api/batches/{ada.batch_id}/results").text.splitlines()) == 1
    for client, file_id, webhook_id in (
        (ada.client, ada.file_id, ada.webhook_ids[0]),
        (root, ada.result_ids[0], ada.webhook_ids[1]),
    ):
        for method, path in owned_operations(app):
            if not path.endswith("/events"):  # which end when all jobs have
                its = replace(one, file_id=file_id, webhook_id=webhook_id)
                url, params = its.url(path), one.query(path)
                answer = client.request(method, url, params=params, json=body(path, its))
                assert answer.status_code == 200, url
    left = [file["id"] for file in ada.client.get("/v1/files").json()["data"]]
    assert left == ada.result_ids[1:]


async def test_the_same_idempotency_key_of_another_owner_answers_nothing_of_the_first(
    ada: Owned, bob: TestClient
) -> None:
    hers = ada.upload(headers=KEY)
    form = {"data": {"purpose": "batch"}, "files": {"file": (f"{NAME}.jsonl", jsonl(LINES))}}
    mine = bob.post("/v1/files", **form, headers=KEY)  # type: ignore[arg-type]
    assert (mine.status_code, mine.json()["id"] == hers) == (200, False)
    secrets = ada.secrets - {NAME, plain(mine.json()["id"].removeprefix("file-"))}
    for path, body in (
        ("/v1/batches", openai_batch(mine.json()["id"])),
        ("/api/batches", SUBMISSION),
        ("/api/grids", GRID),
    ):
        answer = bob.post(path, json=body, headers=KEY)
        assert answer.is_success, answer.text
        assert "Idempotent-Replayed" not in answer.headers
        assert not {each for each in secrets if each in plain(answer.text)}
