"""Poolers in front of Postgres: those that swap sessions are refused in one line, those that keep them work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text

from specreason.errors import InputError
from specreason.store import session
from specreason.store.locks import Lock, try_lock_connection
from specreason.store.migrate import check_schema
from specreason.store.queue.dispatch import Leadership
from specreason.store.session import Database, connect, transaction
from tests.support.messages import names
from tests.support.servers.pooler import Pooler
from tests.support.shell import Shell
from tests.support.store.builders import claim_one


@pytest.fixture
def session_pool(database_url: str) -> Iterator[Pooler]:
    with Pooler(database_url, "session") as pooler:
        yield pooler


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell("", capsys)


@pytest.mark.parametrize(
    ("most", "round_robin"), [(1, False), (2, False), (2, True), (20, False), (20, True)]
)
def test_a_pool_that_swaps_sessions_is_refused_however_large_it_is(
    database_url: str, most: int, round_robin: bool
) -> None:
    with Pooler(database_url, "transaction", most=most, round_robin=round_robin) as pooler:
        with pytest.raises(InputError) as refused:
            connect(pooler.url)
        assert names(str(refused.value), "PgBouncer", "session mode")
        assert "\n" not in str(refused.value)


def test_a_pool_that_swaps_sessions_is_refused_while_others_use_it(database_url: str) -> None:
    with Pooler(database_url, "transaction") as pooler, ThreadPoolExecutor() as others:
        stop_at = time.monotonic() + 2

        def use() -> None:
            import psycopg

            with psycopg.connect(pooler.url) as connection:
                while time.monotonic() < stop_at:
                    connection.execute("SELECT pg_sleep(0.001)")
                    connection.commit()

        for _ in range(3):
            others.submit(use)
        for _ in range(3):
            with pytest.raises(InputError, match="PgBouncer"):
                connect(pooler.url)


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "check"], ["api"], ["worker"]])
def test_each_start_refuses_it_in_one_line_with_2(
    command: list[str], database_url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pooler(database_url, "transaction") as pooler:
        monkeypatch.setenv("SPECREASON_DATABASE_URL", pooler.url)
        monkeypatch.setenv("SPECREASON_BROKER_URL", "redis://127.0.0.1:1/0")
        monkeypatch.setenv("SPECREASON_API_PORT", "0")
        ended = shell(*command)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert names(ended.err, "PgBouncer")


def test_the_doctor_says_it_too(database_url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pooler(database_url, "transaction") as pooler:
        monkeypatch.setenv("SPECREASON_DATABASE_URL", pooler.url)
        found = {each["name"]: each for each in shell("doctor", "--json").json["checks"]}
    assert found["database"]["status"] == "fail"
    assert names(found["database"]["found"], "PgBouncer")


def test_a_pool_in_session_mode_works_with_this_projects_settings(
    session_pool: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "IDLE_S", 7)
    with closing_database(session_pool.url) as database, transaction(database) as connection:
        shown = [
            connection.scalar(text(f"SHOW {name}"))
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "timezone")
        ]
    assert shown == ["5s", "7s", "UTC"]


def test_in_session_mode_one_leads_and_jobs_are_claimed(session_pool: Pooler) -> None:
    with closing_database(session_pool.url) as one, closing_database(session_pool.url) as other:
        check_schema(one)
        leader, candidate = Leadership(one), Leadership(other)
        with closing(leader), closing(candidate):
            assert leader.try_lead()
            assert not candidate.try_lead()
        assert claim_one(one).fence > 0


def test_a_url_with_options_of_the_start_is_refused_by_a_pooler_with_its_own_words(
    session_pool: Pooler,
) -> None:
    with pytest.raises(InputError, match="options"):
        connect(f"{session_pool.url}?options=-c%20statement_timeout%3D5s")


def test_postgres_itself_is_no_pooler_while_many_connect_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        for database in threads.map(lambda _: connect(database_url, pool_size=1), range(16)):
            database.dispose()


def test_a_lock_of_a_connection_outlives_its_transactions(database: Database) -> None:
    with database.connect() as one, database.connect() as other:
        assert try_lock_connection(one, Lock.LEADER)
        one.commit()
        assert not try_lock_connection(other, Lock.LEADER)


class closing_database:  # noqa: N801 (used as `closing` is)
    """A database that is disposed of at the end of the block."""

    def __init__(self, url: str) -> None:
        self._database = connect(url)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.dispose()
