"""Migrates a database and checks its revision. The steps are in `migrations/`.

Views are text files in `views/`. To change one, edit its file and add a revision, which may be empty: a migration that
reaches the newest revision installs the files as they stand. A revision that changes a column used by a view calls
`drop_views` first.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import specreason
from specreason.errors import InputError
from specreason.store.access.analyst import grant_to_analysts
from specreason.store.locks import Lock, wait_for
from specreason.store.session import Connection, Database, one_line, transaction

VIEWS = (
    "live_worker",
    "job_with_grade",
    "job_summary",
    "batch_summary",
    "worker_summary",
    "acceptance_by_position",
    "acceptance_by_length",
    "acceptance_by_threshold",
    "calibration",
    "latency_breakdown",
    "token_use",
    "pass_at_1_by_dataset",
    "cost_by_batch",
    "job_result",
    "step_detail",
    "step_reward_detail",
)
"""In this order: each may use those before it."""

BEFORE_THE_FIRST_RELEASE = frozenset(f"000{number}" for number in range(1, 8))
"""Revisions of development versions. No migration leads from them to a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaGap:
    """The difference between a database and the schema of this version, and the remedy."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"database: {self.found}: {self.remedy}"


def migrate(database: Database) -> str:
    """Apply every revision that is missing, in one transaction; return the newest. Of two at once, one waits.

    Raises InputError if no revision leads from this database to the newest, or if the user may not change the schema;
    StoreUnavailable if another migration keeps the lock for a minute.
    """
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
        wait_for(connection, Lock.MIGRATION)
        if gap := _gap_for_good(_revision_of(connection)):
            raise InputError(str(gap))
        config = alembic_config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except ProgrammingError as error:
            raise InputError(f"database: cannot be migrated by this user: {one_line(error)}") from error
    return _newest_revision()


def check_schema(database: Database) -> None:
    """Raise InputError unless the database is at the newest revision."""
    if gap := schema_gap(database):
        raise InputError(str(gap))


def schema_gap(database: Database) -> SchemaGap | None:
    """None if the database is at the newest revision."""
    with transaction(database) as connection:
        current = _revision_of(connection)
    newest = _newest_revision()
    if current == newest:
        return None
    is_at = f"is at revision {current}" if current else "has no tables yet"
    return _gap_for_good(current) or SchemaGap(
        found=f"{is_at}, this version of specreason needs {newest}", remedy="run `specreason db upgrade`"
    )


def alembic_config() -> Config:
    """Finds `migrations/` beside the package `specreason`, in a checkout as in an installation."""
    config = Config()
    root = Path(specreason.__file__).resolve().parent.parent
    config.set_main_option("script_location", str(root / "migrations").replace("%", "%%"))
    return config


def install_views(connection: Connection) -> None:
    """Recreate every view from its file. Analysts keep their rights."""
    drop_views(connection)
    for name in VIEWS:
        connection.exec_driver_sql(files("specreason.store").joinpath("views", f"{name}.sql").read_text())
    grant_to_analysts(connection)


def drop_views(connection: Connection) -> None:
    for name in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def _gap_for_good(current: str | None) -> SchemaGap | None:
    """The gap that no migration of this version closes, if there is one."""
    if current in BEFORE_THE_FIRST_RELEASE:
        return SchemaGap(
            found=f"is at revision {current} of a development version before the first release",
            remedy="it cannot be upgraded; make a new database",
        )
    if current is not None and current not in _known_revisions():
        return SchemaGap(
            found=f"is at revision {current}, which specreason {specreason.__version__} does not know",
            remedy="a newer version made it; install that version",
        )
    return None


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.revision for script in scripts.walk_revisions())


def _newest_revision() -> str:
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert newest is not None  # a package without its migrations
    return newest
