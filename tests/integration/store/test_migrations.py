"""The migrations lead to the schema that the code describes, and back to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text
from uuid_utils.compat import uuid7

from specreason.embedded import Servers
from specreason.errors import InputError
from specreason.store.migrate import (
    VIEWS,
    alembic_config,
    check_schema,
    install_views,
    migrate,
    schema_gap,
)
from specreason.store.read.summaries import BatchSummary, JobSummary
from specreason.store.read.workers import WorkerSummary
from specreason.store.session import Database, connect, transaction
from specreason.store.tables import access, files, queue, trace, webhooks  # noqa: F401 -- they fill the metadata
from specreason.store.tables.columns import metadata
from tests.support.messages import naming
from tests.support.store.databases import database_called
from tests.support.store.first_release import ONE_JOB
from tests.support.store.queue_rules import broken_rules
from tests.support.store.schema import by_name, described
from tests.support.store.sql import execute, scalar

CONSTRAINTS = """SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                 FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname !~ 'alembic' ORDER BY 1"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname !~ 'alembic' ORDER BY 1"


NEWEST = "r0006"
GOLDEN = Path(__file__).with_name("schema.txt")


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


def test_the_migrations_lead_to_the_tables_and_views_of_the_golden_text(database_url: str) -> None:
    """Equal in every column, its place, type, default and comment, in indexes, checks and foreign keys."""
    expected = by_name(GOLDEN.read_text())
    found = described(database_url)
    assert found.keys() == expected.keys()
    assert found == expected


@pytest.fixture
def first_release(empty_database: Database) -> Database:
    """A database of the first release, with a job that was closed at its token budget: 7 tokens kept, 6 spent."""
    run_alembic(empty_database, "upgrade", "r0001")
    for statement in ONE_JOB:
        execute(empty_database, statement)
    return empty_database


def test_rows_of_the_first_release_keep_their_figures_but_for_the_closing_that_no_model_generated(
    first_release: Database,
) -> None:
    assert migrate(first_release) == NEWEST
    kept = """SELECT (think_tokens, answer_tokens, kept_tokens, spent_tokens, inserted_tokens, wasted_tokens)::text
              FROM job_summary"""
    assert scalar(first_release, kept) == "(4,2,6,6,1,0)"
    stored = "SELECT (think_tokens, answer_tokens, spent_tokens, inserted_tokens)::text FROM job"
    assert scalar(first_release, stored) == "(4,2,6,1)"
    assert broken_rules(first_release) == []
    run_alembic(first_release, "downgrade", "r0001")
    assert scalar(first_release, "SELECT (think_tokens, spent_tokens)::text FROM job") == "(5,6)"
    assert scalar(first_release, "SELECT array_agg(kept_tokens ORDER BY index) FROM step") == [4, 1, 2]
    assert migrate(first_release) == NEWEST


@pytest.mark.parametrize(
    ("revision", "says"),
    [
        ("r9999", naming("r9999", "newer version", "install")),
        ("0007", naming("0007", "development version", "new database")),
        ("0001", naming("0001", "development version", "new database")),
    ],
)
def test_a_database_that_no_migration_leads_from_says_what_it_is_and_what_to_do(
    database: Database, revision: str, says: str
) -> None:
    execute(database, f"UPDATE alembic_version SET version_num = '{revision}'")
    for ask in (migrate, check_schema):
        with pytest.raises(InputError, match=says) as refused:
            ask(database)
        assert "db upgrade" not in str(refused.value)
        assert "\n" not in str(refused.value)
    gap = schema_gap(database)
    assert gap is not None
    assert revision in gap.found
    assert scalar(database, "SELECT version_num FROM alembic_version") == revision


def test_downgrading_leaves_nothing_and_upgrading_again_works(database: Database) -> None:
    run_alembic(database, "downgrade", "base")
    assert inspect(database).get_table_names() == ["alembic_version"]
    assert inspect(database).get_view_names() == []
    with pytest.raises(InputError, match="specreason db upgrade"):
        check_schema(database)
    assert migrate(database) == NEWEST
    check_schema(database)
    assert set(inspect(database).get_view_names()) == set(VIEWS)


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
    database: Database, view: str, summary: type
) -> None:
    columns = inspect(database).get_columns(view)
    assert [column["name"] for column in columns] == [field.name for field in fields(summary)]
    unexplained = f"""SELECT count(*) FROM pg_attribute
                      WHERE attrelid = '{view}'::regclass AND attnum > 0
                        AND col_description(attrelid, attnum) IS NULL"""
    assert scalar(database, unexplained) == 0
