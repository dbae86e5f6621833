"""One real Postgres per test session; each test that asks for a database gets a fresh, migrated one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from uuid_utils.compat import uuid7

from specreason.embedded import Servers, start_servers
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect

TEMPLATE = "specreason_template"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A real Postgres and a real Valkey, ended with the session."""
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder) / "data") as servers:
        yield servers


def database_called(servers: Servers, name: str) -> str:
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


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
    yield administration
    administration.dispose()


@pytest.fixture
def database_url(servers: Servers, administration: Database) -> Iterator[str]:
    """A migrated database that only this test uses."""
    name = f"test_{uuid7().hex}"
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    yield database_called(servers, name)
    with administration.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.dispose()
