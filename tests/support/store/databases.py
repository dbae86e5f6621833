"""Databases of tests: copies of one migrated template, emptied and used again.

To copy the template and drop the copy takes several times as long as to empty it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import make_url, text
from uuid_utils.compat import uuid7

from specreason.embedded import Servers
from specreason.store.session import Database

TEMPLATE = "specreason_template"
# So many rest, emptied, until what their tests started has ended.
RESTING = 4
LARGEST = 32 << 20  # bytes: a table keeps the room of rows that are gone

# What a migration makes, and a test may change: the number of its rows, and the last transaction that wrote one.
CATALOGUES = (
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_constraint",
    "pg_trigger",
    "pg_type",
    "pg_proc",
    "pg_rewrite",
    "pg_namespace",
    "pg_description",
    "pg_default_acl",
    "pg_extension",
    "pg_event_trigger",
    "pg_publication",
)
SCHEMA = f"""
    SELECT {", ".join(f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {name})" for name in CATALOGUES)},
        (SELECT string_agg(version_num, ' ') FROM alembic_version),
        (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = own.oid), own.datacl::text, own.datconnlimit
    FROM pg_database AS own WHERE datname = current_database()
"""
EMPTY = """
    SELECT concat(
        'SET session_replication_role = replica;',
        (SELECT string_agg(format('DELETE FROM %I;', tablename), '')
         FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'),
        (SELECT string_agg(format('SELECT setval(%L, 1, false);', format('%I', sequencename)), '')
         FROM pg_sequences WHERE last_value IS NOT NULL)
    )
"""


@dataclass(slots=True)
class Copies:
    """The databases of one server that tests have left, and the schema of each."""

    resting: deque[str] = field(default_factory=deque)
    schema: Any = None


_copies: dict[str, Copies] = {}  # by the URL of their server


def database_called(servers: Servers, name: str) -> str:
    """The URL of another database of the same Postgres."""
    return make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def own_database(servers: Servers, administration: Database) -> Iterator[str]:
    """The URL of a migrated, empty database that only the caller uses, until the end of the block."""
    copies = _copies.setdefault(servers.database_url, Copies())
    name = copies.resting.popleft() if len(copies.resting) > RESTING else _copy(administration)
    url = database_called(servers, name)
    copies.schema = copies.schema or _schema(url)
    try:
        yield url
    finally:
        with administration.connect() as connection:
            everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(everybody), {"name": name})
            if _is_emptied(url, copies.schema):
                copies.resting.append(name)
            else:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _copy(administration: Database) -> str:
    name = f"test_{uuid7().hex}"
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    return name


def _schema(url: str) -> Any:
    with _session(url) as session:
        return session.execute(SCHEMA).fetchone()


def _is_emptied(url: str, schema: Any) -> bool:
    """Empty it, unless its test changed more than rows."""
    try:
        with _session(url) as session:
            (size,) = session.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
            if size > LARGEST or session.execute(SCHEMA).fetchone() != schema:
                return False
            (statements,) = session.execute(EMPTY).fetchone() or ("",)
            session.execute(statements)
    except psycopg.Error:  # it is gone, or lets nobody in
        return False
    return True


def _session(url: str) -> psycopg.Connection:
    return psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )
