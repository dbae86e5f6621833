"""With keys on: which callers are admitted, and the scopes and limits of their keys."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.door.access import OPEN_PATHS, Needs
from api.door.authenticator import KNOWN_S, MOST_LOOKUPS
from api.site.paths import is_open
from specreason.embedded import Servers
from specreason.store.access.keys import revoke_key
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.apps import NO_BROKER
from tests.support.api.guarded import PROBLEMS, any_url, client_of, guarded_app, make_key
from tests.support.api.live import serving
from tests.support.api.openai_builders import ENDPOINT, jsonl, line
from tests.support.messages import names
from tests.support.workers.processes import wait_for

NO_LIMITS = httpx2.Limits(max_connections=None)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, route.path_format, route


def test_without_a_key_no_route_answers_but_the_open_ones(guarded: FastAPI) -> None:
    client = TestClient(guarded)
    for method, path, route in routes_of(guarded):
        if not route.include_in_schema and path not in OPEN_PATHS:
            continue  # a page: tests.integration.api.pages
        answer = client.request(method, any_url(path))
        assert answer.status_code == (200 if path in OPEN_PATHS else 401), path
    for path in ("/api/nothing", "/v1/models", "/v1/nothing", "/anything"):
        assert client.get(path).status_code == 401
    refused = client.post("/api/batches", content=b"{")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "Authorization: Bearer" in refused.json()["detail"]
    for path in ("/docs", "/openapi.json", "/api/health"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "sent", ["Bearer", "Bearer ", "Bearer sr_no", "Basic c3I=", "sr_x", "Bearer " + "x" * 9999]
)
def test_a_wrong_key_is_refused(guarded: FastAPI, sent: str) -> None:
    answer = TestClient(guarded).get("/api/batches", headers={"Authorization": sent})
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")


def test_a_wrong_key_that_is_tried_again_and_again_is_looked_up_once(
    guarded: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr("api.door.authenticator.find_key", lambda database, secret: looked_up.append(secret))
    client = TestClient(guarded, headers={"Authorization": "Bearer sr_no"})
    assert [client.get("/api/batches").status_code for _ in range(5)] == [401] * 5
    assert looked_up == ["sr_no"]


@pytest.mark.parametrize("to_sign_in", [False, True])
async def test_a_flood_of_wrong_keys_keeps_no_known_caller_out(
    guarded: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch, to_sign_in: bool
) -> None:
    issued = make_key(
        database, "ada", requests_per_minute=59
    )  # each request of hers is counted by the broker
    looked_up: list[str] = []
    go_on = threading.Event()

    def held(database: Database, secret: str) -> None:
        looked_up.append(secret)
        go_on.wait(30)

    with serving(guarded) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, limits=NO_LIMITS) as client:

            async def ask(secret: str) -> int:
                headers = {"Authorization": f"Bearer {secret}"}
                return (await client.get("/api/batches", headers=headers)).status_code

            async def wrong(secret: str) -> int:
                if not to_sign_in:
                    return await ask(secret)
                return (await client.post("/sign-in", data={"key": secret})).status_code

            assert await ask(issued.secret) == 200
            monkeypatch.setattr("api.door.authenticator.find_key", held)
            flood = [asyncio.create_task(wrong(f"sr_{number}")) for number in range(60)]
            await asyncio.to_thread(wait_for, lambda: len(looked_up) == MOST_LOOKUPS)
            assert await ask(issued.secret) == 200
            assert len(looked_up) == MOST_LOOKUPS
            go_on.set()
            assert await asyncio.gather(*flood) == [401] * 60


def test_every_route_says_which_scope_it_needs_and_a_key_without_it_is_refused(
    guarded: FastAPI, database: Database
) -> None:
    keys = {scope: client_of(guarded, make_key(database, "ada", [scope])) for scope in Scope}
    for method, path, route in routes_of(guarded):
        if path in OPEN_PATHS or is_open(path):
            continue
        said = [each.dependency.scope for each in route.dependencies if isinstance(each.dependency, Needs)]
        assert len(said) == 1, path
        for scope, client in keys.items():
            answer = client.request(method, any_url(path))
            allowed = scope in (said[0], Scope.ADMIN)
            assert (answer.status_code != 403) == allowed, (path, scope)
            if not allowed:
                assert f"'{said[0]}'" in unescape(answer.text)


def test_a_route_that_says_nothing_is_an_administrators(guarded: FastAPI, database: Database) -> None:
    @guarded.get("/api/new")
    def new() -> str:
        return "new"

    assert client_of(guarded, make_key(database, "ada")).get("/api/new").status_code == 403
    assert client_of(guarded, make_key(database, "root", [Scope.ADMIN])).get("/api/new").status_code == 200


def test_a_revoked_key_stops_within_seconds(guarded: FastAPI, database: Database) -> None:
    issued = make_key(database, "ada")
    client = client_of(guarded, issued)
    assert client.get("/api/batches").status_code == 200
    revoke_key(database, issued.key.key_id)
    time.sleep(KNOWN_S)
    assert client.get("/api/batches").status_code == 401


def test_a_key_sends_no_more_than_its_rate_and_hears_when_to_come_back(
    guarded: FastAPI, database: Database
) -> None:
    slow = client_of(guarded, make_key(database, "ada", requests_per_minute=3))
    answers = [slow.get("/api/workers") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert names(answers[-1].json()["detail"], 3)
    assert client_of(guarded, make_key(database, "ada")).get("/api/workers").status_code == 200


def test_what_is_counted_ahead_is_of_the_same_rate_for_every_api(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    issued = make_key(database, "ada", requests_per_minute=120)  # two a second are counted at a time
    first, second = (client_of(guarded_app(servers, database, tmp_path), issued) for _ in range(2))
    assert second.get("/api/workers").status_code == 200
    answers = [first.get("/api/workers").status_code for _ in range(119)]
    assert answers == [200] * 118 + [429]
    assert [second.get("/api/workers").status_code for _ in range(2)] == [200, 429]


def test_without_the_broker_no_caller_is_refused(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    app = guarded_app(servers, database, tmp_path, broker_url=NO_BROKER)
    client = client_of(app, make_key(database, "ada", requests_per_minute=1))
    assert [client.get("/api/workers").status_code for _ in range(3)] == [200] * 3


def test_above_the_quota_nothing_is_stored(guarded: FastAPI, database: Database) -> None:
    client = client_of(guarded, make_key(database, "ada", max_queued_jobs=3))
    assert client.post("/api/batches", json={"problems": PROBLEMS}).status_code == 201
    refused = client.post("/api/batches", json={"problems": PROBLEMS})
    assert refused.status_code == 429
    assert names(refused.json()["detail"], 2, "'ada'")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.post("/api/batches", json={"problems": PROBLEMS[:1]}).status_code == 201
    assert len(client.get("/api/batches").json()["data"]) == 2


def test_a_batch_of_openais_above_the_quota_fails_with_its_code_and_stores_no_job(
    guarded: FastAPI, database: Database
) -> None:
    content = jsonl([line(custom_id, model="demo", n=2) for custom_id in "ab"])
    with client_of(guarded, make_key(database, "ada", max_queued_jobs=3)) as client:
        form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("x.jsonl", content)}}
        file_id = client.post("/v1/files", **form).json()["id"]
        asked = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
        path = f"/v1/batches/{client.post('/v1/batches', json=asked).json()['id']}"
        wait_for(lambda: client.get(path).json()["status"] != "validating")
        failed = client.get(path).json()
        assert client.get("/api/batches").json()["data"] == []
        assert client.post("/api/batches", json={"problems": PROBLEMS}).status_code == 201
    (error,) = failed["errors"]["data"]
    assert (failed["status"], error["code"], error["line"]) == ("failed", "quota_exceeded", None)
    assert names(error["message"], 0, "'ada'", 4)


def test_the_same_idempotency_key_of_two_owners_is_two_requests(guarded: FastAPI, database: Database) -> None:
    ids = {
        client_of(guarded, make_key(database, owner))
        .post("/api/batches", json={"problems": PROBLEMS}, headers={"Idempotency-Key": "k"})
        .json()["batch_id"]
        for owner in ("ada", "bob")
    }
    assert len(ids) == 2
