"""One real Postgres and Valkey per test session; each test that asks for a database gets a migrated one of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from specreason.embedded import Servers, start_servers
from specreason.store import session
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect
from specreason.store.trace.writer import TraceWriter
from tests.support.store.databases import TEMPLATE, database_called, own_database


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A real Postgres and a real Valkey, ended with the session."""
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder) / "data") as servers:
        yield servers


@pytest.fixture(scope="session")
def administration(servers: Servers) -> Iterator[Database]:
    """Makes and drops databases; holds the migrated template."""
    administration = connect(servers.database_url).execution_options(isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        # No test cuts the power: what a killed server wrote is still in the page cache.
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    template = connect(database_called(servers, TEMPLATE))
    migrate(template)
    template.dispose()
    with pytest.MonkeyPatch.context() as patience:
        # A test process that shares two cores with its children and two others may stand still for long.
        patience.setattr(session, "IDLE_S", 60)
        yield administration
    administration.dispose()


@pytest.fixture
def database_url(servers: Servers, administration: Database) -> Iterator[str]:
    """A migrated database that only this test uses."""
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.dispose()


@pytest.fixture
def writer(database: Database) -> Iterator[TraceWriter]:
    writer = TraceWriter(database)
    yield writer
    writer.close()


@pytest.fixture
def files_dir(tmp_path: Path) -> Path:
    """Where the API of a test keeps files."""
    return tmp_path / "files"
