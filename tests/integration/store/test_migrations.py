"""The migrations lead to the schema that the code describes, and back to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text
from uuid_utils.compat import uuid7

from specreason.embedded import Servers
from specreason.errors import InputError
from specreason.store.migrate import VIEWS, alembic_config, check_schema, install_views, migrate
from specreason.store.read.summaries import BatchSummary, JobSummary, Summary, WorkerSummary
from specreason.store.session import Database, connect, transaction
from specreason.store.tables import files, queue, trace  # noqa: F401 -- they fill the metadata
from specreason.store.tables.columns import metadata
from tests.support.databases import database_called
from tests.support.sql import execute, rows_of, scalar
from tests.support.store_builders import job_ids, submit

CONSTRAINTS = """SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                 FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname !~ 'alembic' ORDER BY 1"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname !~ 'alembic' ORDER BY 1"


NEWEST = "0007"


@pytest.fixture
def empty_database(servers: Servers, administration: Database) -> Iterator[Database]:
    name = f"test_{uuid7().hex}"
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = connect(database_called(servers, name))
    yield database
    database.dispose()
    with administration.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def run_alembic(database: Database, *arguments: str) -> None:
    config = alembic_config()
    with transaction(database) as connection:
        config.attributes["connection"] = connection
        getattr(command, arguments[0])(config, *arguments[1:])


def definitions(database: Database, query: str) -> list[str]:
    with transaction(database) as connection:
        return list(connection.scalars(text(query)))


def test_the_migrated_tables_are_those_of_the_code(database: Database, empty_database: Database) -> None:
    run_alembic(database, "check")  # columns, indexes, foreign keys; it does not compare checks
    with transaction(empty_database) as connection:
        metadata.create_all(connection)
    for query in (CONSTRAINTS, INDEXES):
        assert definitions(database, query) == definitions(empty_database, query)


def test_downgrading_leaves_nothing_and_upgrading_again_works(database: Database) -> None:
    run_alembic(database, "downgrade", "base")
    assert inspect(database).get_table_names() == ["alembic_version"]
    assert inspect(database).get_view_names() == []
    with pytest.raises(InputError, match="has no tables yet"):
        check_schema(database)
    assert migrate(database) == NEWEST
    check_schema(database)
    assert set(inspect(database).get_view_names()) == set(VIEWS)


def test_batches_that_had_ended_are_counted_when_that_is_first_stored(database: Database) -> None:
    """An older version left one that was cancelled early, one that has results, and one whose jobs run again."""
    of_written, of_again = (submit(database, 4) for _ in range(2))
    jobs = {ours: job_ids(database, ours) for ours in (of_written, of_again)}
    run_alembic(database, "downgrade", "0006")
    file_id = uuid7()
    execute(
        database,
        f"INSERT INTO file (id, filename, purpose, num_bytes, sha256) VALUES ('{file_id}', 'x', 'batch', 1, 'x')",
    )
    early, written, again = (uuid7() for _ in range(3))
    for batch_id in (early, written, again):
        execute(
            database,
            f"""INSERT INTO openai_batch (id, file_id, endpoint, completion_window, expires_at, ended_at)
                VALUES ('{batch_id}', '{file_id}', 'x', '24h', now(), now())""",
        )
    for batch_id, ours in ((written, of_written), (again, of_again)):
        execute(database, f"UPDATE batch SET openai_batch_id = '{batch_id}' WHERE id = '{ours}'")
        for job_id, state in zip(jobs[ours], ("succeeded", "succeeded", "expired", "failed"), strict=True):
            ended = f"state = '{state}', finished_at = '2026-11-24'"
            execute(database, f"UPDATE job SET {ended} WHERE id = '{job_id}'")
    execute(database, f"UPDATE openai_batch SET finalizing_at = '2026-11-24' WHERE id <> '{early}'")
    execute(database, f"UPDATE job SET state = 'queued', finished_at = NULL WHERE id = '{jobs[of_again][0]}'")
    migrate(database)
    counts = "SELECT num_completed, num_failed, num_expired FROM openai_batch ORDER BY id"
    assert rows_of(database, counts) == [(0, 0, 0), (2, 2, 1), (None, None, None)]


def test_two_migrations_at_once_are_one(empty_database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(migrate, [empty_database] * 2)) == [NEWEST, NEWEST]
    check_schema(empty_database)


def test_the_migrated_views_are_those_of_the_files(database: Database) -> None:
    def as_stored(connection: Connection) -> list[str]:
        query = (
            "SELECT pg_get_viewdef(view) || obj_description(view) FROM (SELECT '{}'::regclass AS view) AS one"
        )
        return [str(connection.scalar(text(query.format(name)))) for name in VIEWS]

    with transaction(database) as connection:
        migrated = as_stored(connection)
        install_views(connection)
        assert as_stored(connection) == migrated


@pytest.mark.parametrize(
    ("view", "summary"),
    [("batch_summary", BatchSummary), ("job_summary", JobSummary), ("worker_summary", WorkerSummary)],
)
def test_a_summary_has_the_columns_of_its_view_and_each_is_explained(
    database: Database, view: str, summary: Summary
) -> None:
    columns = inspect(database).get_columns(view)
    assert [column["name"] for column in columns] == [field.name for field in fields(summary)]
    unexplained = f"""SELECT count(*) FROM pg_attribute
                      WHERE attrelid = '{view}'::regclass AND attnum > 0
                        AND col_description(attrelid, attnum) IS NULL"""
    assert scalar(database, unexplained) == 0
