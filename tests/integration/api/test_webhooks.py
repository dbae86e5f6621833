"""Webhooks over HTTP: added, listed, tested and removed; off without allowed hosts."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.errors import InvalidField
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from specreason.store.webhooks.subscriptions import MOST_PER_OWNER
from tests.support.api.apps import make_api
from tests.support.api.guarded import HOOKS, client_of, make_key
from tests.support.store.sql import scalar
from tests.support.workers.processes import wait_for

URL = f"https://{HOOKS}/hook"


def test_a_webhook_is_added_listed_tried_and_removed(guarded: FastAPI, database: Database) -> None:
    """Its host has no address anywhere, so its messages wait."""
    with TestClient(guarded):  # for as long as the application, and its sender, lives
        ada = client_of(guarded, make_key(database, "ada"))
        added = ada.post("/api/webhooks", json={"url": URL})
        assert added.status_code == 201
        webhook_id, secret = added.json()["webhook_id"], added.json()["secret"]
        assert secret.startswith("whsec_")
        assert (
            scalar(database, f"SELECT count(*) FROM webhook WHERE webhook::text LIKE '%{secret[6:]}%'") == 0
        )
        listed = ada.get("/api/webhooks")
        assert "secret" not in listed.text
        assert listed.json()["data"][0]["url"] == URL
        path = f"/api/webhooks/{webhook_id}"
        sent = ada.post(f"{path}/test").json()
        assert (sent["batch_id"], sent["num_tries"]) == (None, 0)

        def failure() -> object:
            return ada.get(f"{path}/deliveries").json()["data"][0]["failure"]

        wait_for(lambda: failure() is not None)
        assert failure() == "its host has no address"
        page = ada.get(f"{path}/deliveries", params={"limit": 1}).json()
        assert page["next"] == sent["delivery_id"]
        assert ada.get(f"{path}/deliveries", params={"before": page["next"]}).json()["data"] == []
        assert ada.delete(path).json()["num_waiting"] == 1
        assert ada.get("/api/webhooks").json()["data"] == []
        assert ada.delete(path).status_code == ada.get(f"{path}/deliveries").status_code == 404
        assert ada.post(f"/api/webhooks/{uuid4()}/test").status_code == 404


def test_webhooks_need_the_scope_control(guarded: FastAPI, database: Database) -> None:
    reader = client_of(guarded, make_key(database, "ada", [Scope.SUBMIT, Scope.READ]))
    assert reader.get("/api/webhooks").status_code == 403
    assert reader.post("/api/webhooks", json={"url": URL}).status_code == 403


@pytest.mark.parametrize(
    "url", [f"http://{HOOKS}/hook", "https://127.0.0.1/", "https://other.invalid/", f"https://{HOOKS}:444/"]
)
def test_an_address_that_is_not_allowed_is_refused_by_its_field(
    guarded: FastAPI, database: Database, url: str
) -> None:
    ada = client_of(guarded, make_key(database, "ada"))
    refused = ada.post("/api/webhooks", json={"url": url})
    assert (refused.status_code, refused.json()["field"]) == (422, "url")
    assert scalar(database, "SELECT count(*) FROM webhook") == 0


def test_an_owner_has_so_many_webhooks_and_no_more(guarded: FastAPI, database: Database) -> None:
    ada, bob = (client_of(guarded, make_key(database, owner)) for owner in ("ada", "bob"))
    for number in range(MOST_PER_OWNER):
        assert ada.post("/api/webhooks", json={"url": f"{URL}/{number}"}).status_code == 201
    assert ada.post("/api/webhooks", json={"url": URL}).status_code == 422
    assert bob.post("/api/webhooks", json={"url": URL}).status_code == 201


def test_without_allowed_hosts_there_are_no_webhooks(client: TestClient) -> None:
    refused = client.post("/api/webhooks", json={"url": URL})
    assert refused.status_code == 422
    assert "SPECREASON_WEBHOOK_HOSTS" in refused.json()["detail"]
    assert client.get("/api/webhooks").json() == {"data": []}


def test_hosts_without_a_key_keep_the_api_from_starting(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(InvalidField, match="SPECREASON_WEBHOOK_KEY"):
        make_api(servers, database, files_dir=tmp_path, webhook_hosts=HOOKS)
