"""Who is let in, what his key covers, and how much of it: every route, keys on."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.door.access import MOST_LOOKUPS, OPEN_PATHS, Needs
from api.door.authenticator import KNOWN_S
from api.serve import authenticator_for, keys_are_on, listen
from specreason.embedded import Servers
from specreason.errors import InputError
from specreason.settings import Settings
from specreason.store.access.keys import find_key, revoke_key
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.apps import NO_BROKER, make_api
from tests.support.guarded_api import PROBLEMS, any_url, client_of, guarded_app, make_key
from tests.support.live_api import LOCAL, serving
from tests.support.messages import names, naming
from tests.support.openai_builders import ENDPOINT, jsonl, line
from tests.support.processes import wait_for

NO_LIMITS = httpx2.Limits(max_connections=None)


@pytest.fixture
def app(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    return guarded_app(servers, database, tmp_path)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, route.path_format, route


def test_without_a_key_no_route_answers_but_the_open_ones(app: FastAPI) -> None:
    client = TestClient(app)
    for method, path, _ in routes_of(app):
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
def test_a_wrong_key_is_refused(app: FastAPI, sent: str) -> None:
    answer = TestClient(app).get("/api/batches", headers={"Authorization": sent})
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")


def test_a_wrong_key_that_is_tried_again_and_again_is_looked_up_once(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr("api.door.authenticator.find_key", lambda database, secret: looked_up.append(secret))
    client = TestClient(app, headers={"Authorization": "Bearer sr_no"})
    assert [client.get("/api/batches").status_code for _ in range(5)] == [401] * 5
    assert looked_up == ["sr_no"]


async def test_a_flood_of_wrong_keys_keeps_nobody_out_who_is_known(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = make_key(
        database, "ada", requests_per_minute=59
    )  # each request of hers is counted by the broker
    looked_up: list[str] = []
    go_on = threading.Event()

    def held(database: Database, secret: str) -> None:
        looked_up.append(secret)
        go_on.wait(30)

    with serving(app) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, limits=NO_LIMITS) as client:

            async def ask(secret: str) -> int:
                headers = {"Authorization": f"Bearer {secret}"}
                return (await client.get("/api/batches", headers=headers)).status_code

            assert await ask(issued.secret) == 200
            monkeypatch.setattr("api.door.authenticator.find_key", held)
            flood = [asyncio.create_task(ask(f"sr_{number}")) for number in range(60)]
            await asyncio.to_thread(wait_for, lambda: len(looked_up) == MOST_LOOKUPS)
            assert await ask(issued.secret) == 200
            assert len(looked_up) == MOST_LOOKUPS
            go_on.set()
            assert await asyncio.gather(*flood) == [401] * 60


def test_every_route_says_which_scope_it_needs_and_a_key_without_it_is_refused(
    app: FastAPI, database: Database
) -> None:
    keys = {scope: client_of(app, make_key(database, "ada", [scope])) for scope in Scope}
    for method, path, route in routes_of(app):
        if path in OPEN_PATHS:
            continue
        said = [each.dependency.scope for each in route.dependencies if isinstance(each.dependency, Needs)]
        assert len(said) == 1, path
        for scope, client in keys.items():
            answer = client.request(method, any_url(path))
            allowed = scope in (said[0], Scope.ADMIN)
            assert (answer.status_code != 403) == allowed, (path, scope)
            if not allowed:
                assert f"'{said[0]}'" in answer.text


def test_a_route_that_says_nothing_is_an_administrators(app: FastAPI, database: Database) -> None:
    @app.get("/api/new")
    def new() -> str:
        return "new"

    assert client_of(app, make_key(database, "ada")).get("/api/new").status_code == 403
    assert client_of(app, make_key(database, "root", [Scope.ADMIN])).get("/api/new").status_code == 200


def test_a_revoked_key_stops_within_seconds(app: FastAPI, database: Database) -> None:
    issued = make_key(database, "ada")
    client = client_of(app, issued)
    assert client.get("/api/batches").status_code == 200
    revoke_key(database, issued.key.key_id)
    time.sleep(KNOWN_S)
    assert client.get("/api/batches").status_code == 401


def test_a_key_sends_no_more_than_its_rate_and_hears_when_to_come_back(
    app: FastAPI, database: Database
) -> None:
    slow = client_of(app, make_key(database, "ada", requests_per_minute=3))
    answers = [slow.get("/api/workers") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert names(answers[-1].json()["detail"], 3)
    assert client_of(app, make_key(database, "ada")).get("/api/workers").status_code == 200


def test_what_is_counted_ahead_is_of_the_same_rate_for_every_api(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    issued = make_key(database, "ada", requests_per_minute=120)  # two a second are counted at a time
    first, second = (client_of(guarded_app(servers, database, tmp_path), issued) for _ in range(2))
    assert second.get("/api/workers").status_code == 200
    answers = [first.get("/api/workers").status_code for _ in range(119)]
    assert answers == [200] * 118 + [429]
    assert [second.get("/api/workers").status_code for _ in range(2)] == [200, 429]


def test_without_the_broker_nobody_is_refused(servers: Servers, database: Database, tmp_path: Path) -> None:
    app = guarded_app(servers, database, tmp_path, broker_url=NO_BROKER)
    client = client_of(app, make_key(database, "ada", requests_per_minute=1))
    assert [client.get("/api/workers").status_code for _ in range(3)] == [200] * 3


def test_above_the_quota_nothing_is_stored(app: FastAPI, database: Database) -> None:
    client = client_of(app, make_key(database, "ada", max_queued_jobs=3))
    assert client.post("/api/batches", json={"problems": PROBLEMS}).status_code == 201
    refused = client.post("/api/batches", json={"problems": PROBLEMS})
    assert refused.status_code == 429
    assert names(refused.json()["detail"], 2, "'ada'")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.post("/api/batches", json={"problems": PROBLEMS[:1]}).status_code == 201
    assert len(client.get("/api/batches").json()["data"]) == 2


def test_a_batch_of_openais_above_the_quota_fails_with_its_code_and_stores_no_job(
    app: FastAPI, database: Database
) -> None:
    content = jsonl([line(custom_id, model="demo", n=2) for custom_id in "ab"])
    with client_of(app, make_key(database, "ada", max_queued_jobs=3)) as client:
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


def test_the_same_idempotency_key_of_two_owners_is_two_requests(app: FastAPI, database: Database) -> None:
    ids = {
        client_of(app, make_key(database, owner))
        .post("/api/batches", json={"problems": PROBLEMS}, headers={"Idempotency-Key": "k"})
        .json()["batch_id"]
        for owner in ("ada", "bob")
    }
    assert len(ids) == 2


def test_without_keys_a_page_of_another_site_is_refused_but_ours_is_not(
    servers: Servers, database: Database
) -> None:
    app = make_api(servers, database)
    form = {"files": {"file": ("x", b"{}")}, "data": {"purpose": "batch"}}  # which any page may send
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        theirs = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        native = client.post("/api/batches", headers=theirs, **form)  # type: ignore[arg-type]
        assert (native.status_code, native.json()["title"]) == (403, "Forbidden")
        error = client.post("/v1/files", headers=theirs, **form).json()["error"]  # type: ignore[arg-type]
        assert error["type"] == "permission_error"
        assert client.get("/api/batches", headers={"Host": "evil.example:8765"}).status_code == 403
        ours = {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}
        assert client.post("/api/batches", json={"problems": PROBLEMS}, headers=ours).status_code == 201
        from_a_link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert client.get("/docs", headers=from_a_link).status_code == 200


def test_without_keys_everybody_sees_everything(app: FastAPI, servers: Servers, database: Database) -> None:
    guarded = client_of(app, make_key(database, "ada"))
    batch_id = guarded.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
    with TestClient(make_api(servers, database), base_url=LOCAL) as anybody:
        assert anybody.get(f"/api/batches/{batch_id}").status_code == 200
        theirs = anybody.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
    assert guarded.get(f"/api/batches/{theirs}").status_code == 404


# Where the API may listen


HAS_IPV6 = Path("/proc/net/if_inet6").exists()
IPV6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


def listening(host: str) -> socket.socket:
    return listen(host, 0)


@pytest.mark.parametrize(
    ("keys", "host", "on"),
    [
        ("auto", "127.0.0.1", False),
        ("on", "127.0.0.1", True),
        ("off", "127.0.0.1", False),
        ("auto", "localhost", False),
        pytest.param("auto", "::1", False, marks=IPV6),
        pytest.param("auto", "::", True, marks=IPV6),
        ("auto", "0.0.0.0", True),
        ("on", "0.0.0.0", True),
    ],
)
def test_keys_are_off_on_loopback_only(keys: str, host: str, on: bool) -> None:
    with listening(host) as listener:
        assert keys_are_on(Settings(keys=keys), listener) == on  # type: ignore[arg-type]


def test_a_name_that_has_both_listens_where_clients_look_first() -> None:
    with listening("localhost") as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "field", "facts"),
    [
        ("nowhere.invalid", "host", ["nowhere.invalid"]),
        ("192.0.2.1", "port", ["192.0.2.1:0", "Cannot assign requested address"]),
    ],
)
def test_an_address_that_is_not_ours_is_said_in_words(host: str, field: str, facts: list[str]) -> None:
    with pytest.raises(InputError, match=f"^{field}: {naming(*facts)}") as refused:
        listening(host)
    assert "rror -" not in str(refused.value)


def test_without_keys_other_machines_are_refused(database: Database, servers: Servers) -> None:
    with listening("0.0.0.0") as listener:
        with pytest.raises(InputError, match="SPECREASON_KEYS"):
            keys_are_on(Settings(keys="off"), listener)
        settings = Settings(keys="on", broker_url=servers.broker_url)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="specreason keys create"):
            authenticator_for(database, settings, listener)
        make_key(database, "ada")
        authenticator_for(database, settings, listener)


def test_the_first_key_of_a_deployment_may_come_from_its_environment(
    database: Database, servers: Servers
) -> None:
    secret = "s" * 40
    settings = Settings(keys="on", broker_url=servers.broker_url, admin_key=secret)  # type: ignore[arg-type]
    with listening("0.0.0.0") as listener:
        authenticator = authenticator_for(database, settings, listener)
    assert Scope.ADMIN in authenticator.admit(f"Bearer {secret}").scopes
    found = find_key(database, secret)
    assert found is not None
    assert isinstance(found.key_id, UUID)


# Bodies and shapes


def test_a_body_larger_than_its_path_takes_is_refused(app: FastAPI, database: Database) -> None:
    client = client_of(app, make_key(database, "ada"))

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    path = f"/api/batches/{uuid4()}/deadline"
    for answer in (
        client.post(path, content=b" " * 2_000_000),
        client.post(path, content=chunks(), headers={"Content-Type": "application/json"}),
        client.post("/api/batches", content=chunks(), headers={"Content-Type": "application/json"}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (413, "body")


def test_what_does_not_exist_is_a_problem_and_under_v1_an_error_of_openais(
    app: FastAPI, database: Database
) -> None:
    client = client_of(app, make_key(database, "ada"))
    native = client.get("/api/nothing")
    assert native.headers["Content-Type"] == "application/problem+json"
    assert native.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "field": None,
    }
    wrong_method = client.delete("/api/batches")
    assert (wrong_method.status_code, wrong_method.json()["status"]) == (405, 405)
    assert client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    error = TestClient(app).get("/v1/models").json()["error"]
    assert (error["code"], error["type"], error["param"]) == ("invalid_api_key", "authentication_error", None)


def test_a_defect_is_a_problem_too(app: FastAPI, database: Database) -> None:
    @app.get("/api/defect")
    def defect() -> None:
        raise RuntimeError("secret")

    issued = make_key(database, "root", [Scope.ADMIN])
    client = TestClient(
        app, raise_server_exceptions=False, headers={"Authorization": f"Bearer {issued.secret}"}
    )
    answer = client.get("/api/defect")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text
