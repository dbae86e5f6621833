"""Brings a database to the present schema, and says whether it is there. The steps are in `migrations/`.

Views are text files in `views/`. To change one, edit its file and add a revision, which may be empty: whoever
reaches the newest revision installs the files as they stand. A revision that changes a column used by a view calls
`drop_views` first.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError

import specreason
from specreason.errors import InputError
from specreason.store.session import Connection, Database, one_line, transaction

VIEWS = ("job_summary", "batch_summary", "worker_summary")  # each may use those before it
MIGRATION_LOCK = 0x5BEC_0002  # any number that nothing else in this database uses


def migrate(database: Database) -> str:
    """Apply every revision that is missing, in one transaction; return the newest. Of two at once, one waits.

    Raises StoreUnavailable if the lock is not had within a minute.
    """
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        config = alembic_config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except ProgrammingError as error:
            raise InputError(f"database: cannot be migrated by this user: {one_line(error)}") from error
    return _newest_revision()


def check_schema(database: Database) -> None:
    """Raise InputError unless the database is at the newest revision."""
    newest = _newest_revision()
    with transaction(database) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != newest:
        is_at = f"is at revision {current}" if current else "has no tables yet"
        raise InputError(
            f"database: {is_at}, this version of specreason needs {newest}: run `specreason db upgrade`"
        )


def alembic_config() -> Config:
    """Finds `migrations/` beside the package `specreason`, in a checkout as in an installation."""
    config = Config()
    root = Path(specreason.__file__).resolve().parent.parent
    config.set_main_option("script_location", str(root / "migrations").replace("%", "%%"))
    return config


def install_views(connection: Connection) -> None:
    """Make every view anew from its file."""
    drop_views(connection)
    for name in VIEWS:
        connection.exec_driver_sql(files("specreason.store").joinpath("views", f"{name}.sql").read_text())


def drop_views(connection: Connection) -> None:
    for name in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def _newest_revision() -> str:
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert newest is not None  # a package without its migrations
    return newest
