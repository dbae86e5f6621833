"""The role of an analyst: it reads every table and view but those with secrets, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from uuid_utils.compat import uuid7

from specreason.embedded import Servers
from specreason.errors import InputError, InvalidField, NotFound
from specreason.store.access.analyst import drop_analyst, renew_analyst, url_for
from specreason.store.migrate import VIEWS, install_views
from specreason.store.session import Database, connect, transaction
from specreason.store.tables.access import SECRETS
from specreason.store.tables.columns import metadata
from tests.support.messages import naming
from tests.support.store.builders import submit
from tests.support.store.databases import own_database
from tests.support.store.sql import execute, scalar

READABLE = [*VIEWS, *(name for name in metadata.tables if name not in {table.name for table in SECRETS})]


@pytest.fixture
def name(database: Database) -> Iterator[str]:
    """A name that no other test uses: a role belongs to the whole server."""
    name = f"analyst_{uuid7().hex}"
    yield name
    execute(database, f"DROP OWNED BY {name}; DROP ROLE {name}" if is_role(database, name) else "SELECT 1")


def is_role(database: Database, name: str) -> bool:
    return bool(scalar(database, f"SELECT count(*) FROM pg_roles WHERE rolname = '{name}'"))


@pytest.fixture
def url(database: Database, database_url: str, name: str) -> str:
    return url_for(database_url, name, renew_analyst(database, name, statement_timeout_s=7))


def test_it_reads_every_table_and_view_but_those_with_secrets(database: Database, url: str) -> None:
    submit(database, 2)
    with psycopg.connect(url, autocommit=True) as analyst:
        for table in READABLE:
            analyst.execute(f"SELECT * FROM {table} LIMIT 1")
        assert analyst.execute("SELECT num_jobs FROM batch_summary").fetchall() == [(2,)]
        for table in SECRETS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(f"SELECT 1 FROM {table.name}")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM batch",
        "UPDATE job SET state = 'dead'",
        "CREATE TABLE mine (id int)",
        "TRUNCATE event",
        "CREATE ROLE eve",
    ],
)
def test_it_changes_nothing_even_after_it_has_given_up_its_settings(url: str, change: str) -> None:
    with psycopg.connect(url, autocommit=True) as analyst:
        with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)):
            analyst.execute(change)
        analyst.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(change)


def test_its_statements_end_in_time(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as analyst:
        assert analyst.execute("SHOW statement_timeout").fetchall() == [("7s",)]


def test_it_reads_views_that_a_migration_made_anew(database: Database, url: str) -> None:
    with transaction(database) as connection:
        install_views(connection)
    with psycopg.connect(url, autocommit=True) as analyst:
        for view in VIEWS:
            analyst.execute(f"SELECT * FROM {view} LIMIT 1")


def test_a_migration_gives_no_rights_to_other_roles(database: Database, name: str, url: str) -> None:
    other = f"{name}x"[-63:]
    execute(database, f"CREATE ROLE {other}; GRANT SELECT ON batch TO {other}")
    try:
        with transaction(database) as connection:
            install_views(connection)
        assert not scalar(database, f"SELECT has_table_privilege('{other}', 'batch_summary', 'SELECT')")
    finally:
        execute(database, f"DROP OWNED BY {other}; DROP ROLE {other}")


def test_renewing_it_gives_it_another_password(
    database: Database, database_url: str, name: str, url: str
) -> None:
    new = url_for(database_url, name, renew_analyst(database, name, statement_timeout_s=9))
    assert new != url
    psycopg.connect(new).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_a_dropped_role_is_gone(database: Database, name: str, url: str) -> None:
    assert drop_analyst(database, name)
    assert not is_role(database, name)
    with pytest.raises(NotFound, match=name):
        drop_analyst(database, name)


def test_a_role_with_rights_in_another_database_loses_those_in_this_one(
    servers: Servers, administration: Database, database: Database, name: str, url: str
) -> None:
    with own_database(servers, administration) as elsewhere:
        other = connect(elsewhere, pool_size=1)
        execute(other, f"GRANT SELECT ON batch TO {name}")
        assert not drop_analyst(database, name)
        assert not scalar(database, f"SELECT has_table_privilege('{name}', 'batch', 'SELECT')")
        assert drop_analyst(other, name)
        other.dispose()


def test_the_role_of_another_deployment_on_the_server_keeps_its_password(
    servers: Servers, administration: Database, name: str, url: str
) -> None:
    with own_database(servers, administration) as elsewhere:
        other = connect(elsewhere, pool_size=1)
        with pytest.raises(InvalidField, match=naming(name, "another name")):
            renew_analyst(other, name, statement_timeout_s=7)
        other.dispose()
    psycopg.connect(url).close()


@pytest.mark.parametrize("wrong", ["", "Ada", "pg_mine", "public", "none", "a b", 'a"b', "9", "é", "a" * 64])
def test_a_name_that_needs_quotes_is_refused(database: Database, wrong: str) -> None:
    with pytest.raises(InvalidField, match="name"):
        renew_analyst(database, wrong, statement_timeout_s=7)


def test_a_role_of_somebody_else_is_neither_renewed_nor_dropped(database: Database) -> None:
    for change in (
        lambda: renew_analyst(database, "specreason", statement_timeout_s=7),
        lambda: drop_analyst(database, "specreason"),
    ):
        with pytest.raises(InvalidField, match="specreason"):
            change()


@pytest.mark.parametrize("setting", ["on", "off"])
def test_a_user_that_may_create_no_roles_is_told_who_may(
    database: Database, name: str, url: str, setting: str
) -> None:
    execute(database, f"ALTER ROLE {name} SET default_transaction_read_only = {setting}")
    user = connect(url, pool_size=1)
    with pytest.raises(InputError, match=naming("may not create", "SPECREASON_DATABASE_URL")) as refused:
        renew_analyst(user, f"{name[:-1]}y", statement_timeout_s=7)
    assert "\n" not in str(refused.value)
    user.dispose()
