"""Servers for one benchmark: embedded, durable as in production, gone afterwards. And what its figures depend on."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from specreason.embedded import Servers, start_servers
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect


@contextmanager
def own_servers() -> Iterator[Servers]:
    """A Postgres with a fresh, migrated database, and a Valkey."""
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder) / "data") as servers:
        database = connect(servers.database_url, pool_size=1)
        migrate(database)
        database.dispose()
        yield servers


def conditions(database: Database) -> dict[str, str | int]:
    """What the figures depend on besides our code."""
    with database.connect() as connection:
        setting = {
            name: str(connection.scalar(text(f"SHOW {name}")))
            for name in ("server_version", "fsync", "synchronous_commit")
        }
    return {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "postgres": setting["server_version"],
        "fsync": setting["fsync"],
        "synchronous_commit": setting["synchronous_commit"],
    }


def vacuum(database: Database, *tables: str) -> None:
    """What autovacuum does within a minute: statistics are fresh, and dead rows are gone."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(text(f"VACUUM (ANALYZE) {table}"))


def empty(database: Database) -> None:
    """No batch, job or worker is left."""
    with database.begin() as connection:
        connection.execute(text("TRUNCATE batch, worker, model_pair, event CASCADE"))
