"""The API with keys on, for tests, and clients that send one."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.access.keys import IssuedKey, NewKey, create_key
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.apps import make_api

PROBLEMS = [{"problem": "What is 2 + 2?", "answer": "4", "id": "p1"}, {"problem": "What is 3 + 3?"}]
HOOKS = "hooks.invalid"  # which has no address anywhere
WITH_WEBHOOKS = {"webhook_hosts": HOOKS, "webhook_key": "k" * 32}
EVERYTHING = (Scope.SUBMIT, Scope.READ, Scope.CONTROL)


def guarded_app(servers: Servers, database: Database, folder: Path, **fields: Any) -> FastAPI:
    limits = {"max_upload_bytes": 10_000, "max_problems": 5, **WITH_WEBHOOKS}
    return make_api(servers, database, with_keys=True, files_dir=folder, **limits | fields)


def make_key(
    database: Database, owner: str, scopes: Collection[Scope] = EVERYTHING, **limits: Any
) -> IssuedKey:
    return create_key(database, NewKey(name=f"{owner}'s", owner=owner, scopes=scopes, **limits))


def client_of(app: FastAPI, issued: IssuedKey) -> TestClient:
    return TestClient(app, headers={"Authorization": f"Bearer {issued.secret}"})


def any_url(path: str) -> str:
    """A documented path with unknown ids in it."""
    return re.sub(r"\{[^}]*\}", str(uuid4()), path)
