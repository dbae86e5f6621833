"""`specreason webhook`: added with its secret, listed, tried and removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.guarded import HOOKS, WITH_WEBHOOKS
from tests.support.shell import Shell

URL = f"https://{HOOKS}/hook"


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    return make_api(servers, database, files_dir=files_dir, **WITH_WEBHOOKS)


def test_a_webhook_is_added_listed_tried_and_removed(shell: Shell) -> None:
    added = shell("webhook", "add", URL)
    assert (added.status, added.out.startswith("whsec_")) == (0, True)
    (listed,) = shell("webhook", "list", "--json").json["data"]
    assert (listed["url"], listed["secret"]) == (URL, None)
    assert URL in shell("webhook", "list").out
    tried = shell("webhook", "test", URL)
    assert (tried.status, "its host has no address" in tried.out) == (3, True)
    assert (
        shell("webhook", "test", listed["webhook_id"], "--json").json["failure"] == "its host has no address"
    )
    assert len(shell("webhook", "deliveries", URL, "--json").json["data"]) == 2
    assert "waiting" in shell("webhook", "deliveries", listed["webhook_id"][-8:]).out
    assert shell("webhook", "remove", listed["webhook_id"][:8], "--json").json["removed"] is True
    assert shell("webhook", "list", "--json").json["data"] == []


def test_what_is_not_there_or_not_allowed_ends_with_the_usual_status(shell: Shell) -> None:
    refused = shell("webhook", "add", "https://127.0.0.1/", "--json")
    assert (refused.status, refused.json["error"]["field"]) == (2, "url")
    assert shell("webhook", "remove", "abcdef").status == 4
    assert shell("webhook", "test", "00000000-0000-0000-0000-000000000000").status == 4
