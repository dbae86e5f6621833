"""`specreason keys`: made, shown once, listed and revoked."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from specreason.client import Client
from specreason.embedded import Servers
from specreason.errors import KeyRefused, NotAllowed, NotFound
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.shell import Shell
from tests.support.store.builders import submit

LINES = b'{"problem": "What is 2 + 2?"}\n'


def test_keys_are_made_shown_once_listed_and_revoked(
    servers: Servers, database: Database, shell: Shell, monkeypatch: Any
) -> None:
    created = shell("keys", "create", "alice", "--scope", "read")
    assert (created.status, created.out.startswith("sr_")) == (0, True)
    secret = created.out
    (listed,) = shell("keys", "list", "--json").json["data"]
    assert (listed["owner"], listed["scopes"]) == ("alice", ["read"])
    assert secret.strip() not in json.dumps(listed)
    with serving(make_api(servers, database, with_keys=True)) as guarded_url:
        monkeypatch.setenv("SPECREASON_API_URL", guarded_url)
        assert shell("batch", "list").status == 5
        monkeypatch.setenv("SPECREASON_API_KEY", secret.strip())
        assert shell("batch", "list").status == 0
        with Client(guarded_url, secret.strip()) as client, pytest.raises(NotAllowed):
            client.submit(LINES)
        with Client(guarded_url, "sr_other") as client, pytest.raises(KeyRefused):
            list(client.batches())
        with Client(guarded_url, secret.strip()) as client, pytest.raises(NotFound):
            client.batch(submit(database))
    assert shell("keys", "revoke", listed["key_id"]).status == 0
    assert shell("keys", "list", "--json").json["data"][0]["revoked_at"] is not None
    assert shell("keys", "revoke", UUID(int=0)).status == 4
    assert (
        shell("keys", "create", "bob", "--scope", "everything", "--json").json["error"]["field"] == "--scope"
    )
