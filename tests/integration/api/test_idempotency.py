"""Every route that creates: sent again under its key, a request is answered the same and creates nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.access.idempotency import RequestKey, earlier_answer
from specreason.store.session import Database, transaction
from tests.support.api.guarded import PROBLEMS, client_of, guarded_app, make_key
from tests.support.api.openai_builders import ENDPOINT, jsonl, line
from tests.support.store.sql import rows_of
from tests.support.workers.processes import wait_for

LINES, REQUESTS = jsonl(PROBLEMS), jsonl([line("one", model="demo")])
GRID = {"scheme": ["base", "drafter"]}
GRID_FIELD = {"grid": json.dumps(GRID)}
KEY = {"Idempotency-Key": "mine"}
BATCH = {"endpoint": ENDPOINT, "completion_window": "24h"}


def upload(content: bytes, **fields: str) -> dict[str, Any]:
    return {"data": fields, "files": {"file": ("x.jsonl", content)}}


# For each: the path, what is sent, what else could be sent, and what is wrong.
CREATIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a file": (
        "/v1/files",
        upload(REQUESTS, purpose="batch"),
        upload(REQUESTS * 2, purpose="batch"),
        upload(REQUESTS, purpose="assistants"),
    ),
    "a batch of OpenAI's": (
        "/v1/batches",
        {"json": BATCH},
        {"json": BATCH | {"completion_window": "7d"}},
        {"json": BATCH | {"completion_window": "999d"}},
    ),
    "a batch": (
        "/api/batches",
        {"json": {"problems": PROBLEMS}},
        {"json": {"problems": PROBLEMS, "priority": 1}},
        {"json": {"problems": []}},
    ),
    "a batch of a file": (
        "/api/batches",
        upload(LINES),
        upload(LINES * 2),
        upload(LINES + b"x\n"),
    ),
    "a grid": (
        "/api/grids",
        {"json": {"problems": PROBLEMS, "grid": GRID}},
        {"json": {"problems": PROBLEMS, "grid": {}}},
        {"json": {"problems": PROBLEMS, "grid": {"scheme": []}}},
    ),
    "a grid over a file": (
        "/api/grids",
        upload(LINES, **GRID_FIELD),
        upload(LINES, grid="{}"),
        upload(LINES * 3, **GRID_FIELD),  # more problems than a batch may have
    ),
}
EVERY = pytest.mark.parametrize("name", CREATIONS)


class KeyedClient:
    """A client, and what it has made so far."""

    def __init__(self, client: TestClient, database: Database, folder: Path) -> None:
        self.client = client
        self.database = database
        self.folder = folder
        self.file_id = client.post("/v1/files", **upload(REQUESTS, purpose="batch")).json()["id"]

    def send(self, path: str, body: dict[str, Any]) -> Any:
        """A batch of OpenAI's is made of a file that is there."""
        if path == "/v1/batches":
            body = {"json": {"input_file_id": self.file_id, **body["json"]}}
        return self.client.post(path, headers=KEY, **body)

    def made(self) -> object:
        """Ids of all rows, apart from those that come of a batch of OpenAI's later, and the files in the folder."""
        tables = {"file": "true", "openai_batch": "true", "batch": "openai_batch_id IS NULL"}
        rows = {
            table: rows_of(self.database, f"SELECT id FROM {table} WHERE {which}")
            for table, which in tables.items()
        }
        return rows, sorted(path.name for path in self.folder.rglob("*"))


@pytest.fixture
def keyed(servers: Servers, database: Database, tmp_path: Path) -> Iterator[KeyedClient]:
    app = guarded_app(servers, database, tmp_path)
    with client_of(app, make_key(database, "ada")) as client:
        yield KeyedClient(client, database, tmp_path)


@EVERY
def test_a_request_that_is_sent_again_is_answered_again_and_creates_nothing(
    keyed: KeyedClient, name: str
) -> None:
    path, body, _, _ = CREATIONS[name]
    before = keyed.made()
    first = keyed.send(path, body)
    made = keyed.made()
    again = keyed.send(path, body)
    assert first.is_success
    assert (again.status_code, again.content) == (first.status_code, first.content)
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in (first, again)]
    assert replayed == [None, "true"]
    assert keyed.made() == made != before


@EVERY
def test_another_body_under_the_key_is_refused_and_creates_nothing(keyed: KeyedClient, name: str) -> None:
    path, body, other, _ = CREATIONS[name]
    keyed.send(path, body)
    made = keyed.made()
    refused = keyed.send(path, other)
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.text
    assert keyed.made() == made


@EVERY
def test_while_the_first_request_runs_the_second_waits_and_creates_nothing(
    keyed: KeyedClient, name: str
) -> None:
    path, body, _, _ = CREATIONS[name]
    running = RequestKey(owner="ada", path=path, key=KEY["Idempotency-Key"], body_hash="")
    before = keyed.made()
    with transaction(keyed.database) as connection:
        earlier_answer(connection, running)
        second = keyed.send(path, body)
    assert second.status_code == 409
    assert int(second.headers["Retry-After"]) > 0
    assert keyed.made() == before
    assert keyed.send(path, body).is_success


@EVERY
def test_a_request_that_was_refused_leaves_its_key_free_and_nothing_else(
    keyed: KeyedClient, name: str
) -> None:
    path, body, _, wrong = CREATIONS[name]
    before = keyed.made()
    refused = keyed.send(path, wrong)
    assert refused.status_code == (400 if path.startswith("/v1/") else 422)
    assert keyed.made() == before
    created = keyed.send(path, body)
    assert created.is_success
    assert "Idempotent-Replayed" not in created.headers


def test_a_batch_of_openais_is_answered_again_even_if_its_file_is_gone(keyed: KeyedClient) -> None:
    path, body, _, _ = CREATIONS["a batch of OpenAI's"]
    first = keyed.send(path, body)
    wait_for(
        lambda: keyed.client.delete(f"/v1/files/{keyed.file_id}").status_code == 200
    )  # once it is validated
    assert keyed.send(path, body).content == first.content
    unheard = keyed.client.post(path, json={"input_file_id": keyed.file_id, **BATCH})
    assert (unheard.status_code, unheard.json()["error"]["param"]) == (400, "input_file_id")


@pytest.mark.parametrize(("path", "fields"), [("/api/batches", {}), ("/api/grids", GRID_FIELD)])
def test_what_was_made_of_an_earlier_upload_is_answered_again_even_if_that_is_gone(
    keyed: KeyedClient, path: str, fields: dict[str, str]
) -> None:
    file_id = keyed.client.post("/v1/files", **upload(LINES, purpose="batch")).json()["id"]
    body = {"files": {key: (None, value) for key, value in {"file_id": file_id, **fields}.items()}}
    first = keyed.send(path, body)
    assert first.status_code == 201
    assert keyed.client.delete(f"/v1/files/{file_id}").status_code == 200
    assert keyed.send(path, body).content == first.content
    unheard = keyed.client.post(path, **body)
    assert (unheard.status_code, unheard.json()["field"]) == (422, "file_id")
