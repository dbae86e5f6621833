"""The API behind a real socket, a client of it, and an environment in which the commands find both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from specreason.client import Client
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.apps import make_api
from tests.support.api.guarded import guarded_app
from tests.support.api.live import serving
from tests.support.shell import Shell


@pytest.fixture
def app(
    servers: Servers,
    database: Database,
    database_url: str,
    files_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> FastAPI:
    monkeypatch.setenv("SPECREASON_FILES_DIR", str(files_dir))
    monkeypatch.setenv("SPECREASON_DATABASE_URL", database_url)
    monkeypatch.setenv("SPECREASON_BROKER_URL", servers.broker_url)
    return make_api(servers, database)


@pytest.fixture
def url(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(app) as url:
        monkeypatch.setenv("SPECREASON_API_URL", url)
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture
def shell(url: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(url, capsys)


@pytest.fixture
def locked(
    shell: Shell, servers: Servers, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """As `shell`, with an API that asks for a key."""
    with serving(guarded_app(servers, database, tmp_path)) as url:
        monkeypatch.setenv("SPECREASON_API_URL", url)
        yield Shell(url, shell.capture)
