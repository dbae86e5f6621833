"""Lists of paths that stand beside the routes name what the routes are."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.door.access import OPEN_PATHS
from api.door.body_limit import UPLOAD_PATHS
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.guarded import guarded_app

FORM = "multipart/form-data"


@pytest.fixture
def app(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    return guarded_app(servers, database, tmp_path)


def test_every_open_path_exists_and_asks_for_no_key(app: FastAPI) -> None:
    client = TestClient(app)
    assert {path: client.get(path).status_code for path in OPEN_PATHS} == dict.fromkeys(OPEN_PATHS, 200)


def test_the_routes_that_take_a_form_are_those_that_may_take_a_large_body(app: FastAPI) -> None:
    forms = {
        path
        for path, operations in app.openapi()["paths"].items()
        for operation in operations.values()
        if FORM in operation.get("requestBody", {}).get("content", {})
    }
    assert forms == UPLOAD_PATHS
