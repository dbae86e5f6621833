"""Databases of tests, copies of one migrated template."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url, text
from uuid_utils.compat import uuid7

from specreason.embedded import Servers
from specreason.store.session import Database

TEMPLATE = "specreason_template"


def database_called(servers: Servers, name: str) -> str:
    """The URL of another database of the same Postgres."""
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def own_database(servers: Servers, administration: Database) -> Iterator[str]:
    """The URL of a migrated database that only the caller uses; it is dropped at the end of the block."""
    name = f"test_{uuid7().hex}"
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        yield database_called(servers, name)
    finally:
        with administration.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
