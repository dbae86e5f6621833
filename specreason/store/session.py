"""Opens the database and bounds what a transaction may wait for. Knows no table.

`Database` is SQLAlchemy's engine; the word *engine* belongs to models here. One per process, for any thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import Conninfo
from sqlalchemy import URL, Connection, NullPool, create_engine, event, func, make_url, select
from sqlalchemy import Engine as Database
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)

from specreason.addresses import check_address, hide_password
from specreason.errors import InputError, StoreUnavailable

__all__ = [
    "Connection",
    "Database",
    "connect",
    "one_line",
    "ping",
    "single_statement",
    "transaction",
]

CONNECT_TIMEOUT_S = 5
# A process that is frozen inside a transaction must not hold its locks for ever. A statement that waits too long for a
# lock fails, and its caller tries again. Set once connected: a pooler refuses options of the connection's start.
IDLE_S = 5
SESSION = (
    "SET idle_in_transaction_session_timeout = '{idle_s}s'; SET lock_timeout = '5s'; SET timezone = 'UTC'"
)
KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# Failures to connect that the operator has to mend; waiting does not help.
REFUSED_FOR_GOOD = re.compile(
    r"database \".*\" does not exist|role \".*\" does not exist|authentication failed"
    r"|no password supplied|no pg_hba.conf entry|invalid (connection option|port|integer)"
    r"|unsupported startup parameter|not allowed in statement pooling mode"
    r"|invalid sslmode value|root certificate file|connection info string"
)
# Another client has prepared a statement of this name on the connection: it is not this client's own.
PREPARED_ELSEWHERE = re.compile(r"prepared statement \"\S+\" (already exists|does not exist)")
# How often two connections are compared behind a pooler: other clients may hide for a while that it swaps sessions.
ROUNDS = 20
POOLED = (
    "is a pooler that gives each transaction another connection to Postgres (PgBouncer's pool_mode = transaction), and "
    "so loses the lock by which one worker leads: name Postgres itself, or a pool in session mode"
)


def connect(database_url: str, *, pool_size: int = 16) -> Database:
    """Open a pool of connections to the Postgres at `database_url` and check that it answers.

    Raises InputError for a wrong URL, database, user or password, and for a pooler that swaps connections;
    StoreUnavailable if Postgres does not answer.
    """
    url = _parse(database_url)
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": url.query.get("application_name", "specreason"),
        **KEEPALIVE,
    }
    address = url.set(drivername="postgresql+psycopg")
    database = create_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,  # a restarted Postgres costs a reconnect, not an error
        connect_args=arguments,
    )
    event.listen(database, "connect", _set_up)
    where = hide_password(database_url)
    try:
        with database.connect() as connection:
            swaps = _swaps_sessions(
                connection, create_engine(address, poolclass=NullPool, connect_args=arguments)
            )
    except ArgumentError:
        database.dispose()
        raise InputError(f"database {where}: a host or port among its parameters is none") from None
    except DBAPIError as error:
        database.dispose()
        reason = one_line(error)  # libpq never repeats the password
        if PREPARED_ELSEWHERE.search(reason):
            raise InputError(f"database {where}: {POOLED}") from None
        if REFUSED_FOR_GOOD.search(reason):
            raise InputError(f"database {where}: {reason}") from None
        raise StoreUnavailable(f"database {where} does not answer: {reason}") from None
    if swaps:
        database.dispose()
        raise InputError(f"database {where}: {POOLED}")
    return database


@contextmanager
def transaction(database: Database) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by an exception.

    Raises StoreUnavailable if Postgres is down or restarts, or if a lock is not free in time.
    """
    with _reported(), database.begin() as connection:
        yield connection


@contextmanager
def single_statement(database: Database) -> Iterator[Connection]:
    """Each statement is a transaction of its own: no lock outlives it. Raises as `transaction` does."""
    with _reported(), database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _reported() -> Iterator[None]:
    """Raise StoreUnavailable for the driver's errors that say that Postgres is down or a lock was not free in time."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, TimeoutError, psycopg.OperationalError) as error:
        raise StoreUnavailable(f"database: {one_line(error)}") from error


def ping(database: Database) -> None:
    """Raise StoreUnavailable unless the database answers."""
    with transaction(database) as connection:
        connection.execute(func.now().select())


def one_line(error: Exception) -> str:
    """The first line of the driver's message, without SQL."""
    message = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
    lines = [
        line.strip() for line in message.splitlines() if line.strip() and not line.startswith("Multiple conn")
    ]
    return lines[0] if lines else type(error).__name__


def _set_up(connection: psycopg.Connection, record: object) -> None:
    """Set up a new session, outside of a transaction: a rollback would undo it."""
    connection.autocommit = True
    connection.execute(SESSION.format(idle_s=IDLE_S))
    connection.autocommit = False


def _swaps_sessions(first: Connection, unpooled: Database) -> bool:
    """Whether two clients may be given the same session of Postgres, one transaction after the other.

    A pooler answers each client with a key of its own in place of the session's, and gives a transaction the session
    that has just become free.
    """
    before = _session_of(first)
    connected = first.connection.dbapi_connection
    assert isinstance(connected, psycopg.Connection)
    rounds = 1 if connected.info.backend_pid == before else ROUNDS
    first.commit()
    with unpooled.connect() as second:
        for _ in range(rounds):
            # The second transaction stays open. If it has the first one's session, the first would wait for it.
            if _session_of(second) == before or _session_of(first) != before:
                return True
            first.commit()
            second.rollback()
    return False


def _session_of(connection: Connection) -> int:
    return int(connection.scalar(select(func.pg_backend_pid())) or 0)


def _parse(database_url: str) -> URL:
    check_address("database URL", database_url)
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):  # the URL is not repeated: it may hold a password
        raise InputError("database URL: is not a URL such as postgresql://user@host:5432/name") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise InputError(f"database URL: names '{url.drivername}', but the store is Postgres: postgresql://…")
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    if unknown := next((name for name in url.query if name not in known), None):
        raise InputError(f"database URL: has the parameter {unknown!r}, which libpq does not know")
    return url
