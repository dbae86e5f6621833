"""Keys off: which pages may ask, where the API may listen, and the first key."""

from __future__ import annotations

import socket
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.serve import authenticator_for, keys_are_on, listen
from specreason.embedded import Servers
from specreason.errors import InputError
from specreason.settings import Settings
from specreason.store.access.keys import find_key
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.apps import make_api
from tests.support.api.guarded import PROBLEMS, client_of, make_key
from tests.support.api.live import LOCAL
from tests.support.messages import naming

HAS_IPV6 = Path("/proc/net/if_inet6").exists()
IPV6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


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


def test_without_keys_everybody_sees_everything(
    guarded: FastAPI, servers: Servers, database: Database
) -> None:
    ada = client_of(guarded, make_key(database, "ada"))
    batch_id = ada.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
    with TestClient(make_api(servers, database), base_url=LOCAL) as anybody:
        assert anybody.get(f"/api/batches/{batch_id}").status_code == 200
        theirs = anybody.post("/api/batches", json={"problems": PROBLEMS}).json()["batch_id"]
    assert ada.get(f"/api/batches/{theirs}").status_code == 404


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
