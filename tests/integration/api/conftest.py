"""The API without keys, and a client of it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.guarded import guarded_app
from tests.support.api.live import LOCAL


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    """A module whose tests need limits replaces it."""
    return make_api(servers, database, files_dir=files_dir)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=LOCAL) as client:
        yield client


@pytest.fixture
def guarded(servers: Servers, database: Database, tmp_path: Path) -> FastAPI:
    """The API with keys on."""
    return guarded_app(servers, database, tmp_path)
