"""One request under one key creates once, even if it is repeated and processes die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from specreason.doorbell import Doorbell
from specreason.embedded import Servers
from specreason.errors import InvalidField, StillRunning
from specreason.settings import Settings
from specreason.store.access.idempotency import (
    RequestKey,
    StoredAnswer,
    earlier_answer,
    forget_answers,
    keep_answer,
)
from specreason.store.session import Connection, Database, transaction
from tests.support.store.sql import execute, scalar
from worker.leader import Leader

REQUEST = RequestKey(owner="ada", path="/api/batches", key="k", body_hash="a")
ANSWER = StoredAnswer(status=201, body=b'{"batch_id": "\xc3\xb6"}')


def answered(database: Database, request: RequestKey, create: Callable[[Connection], None]) -> StoredAnswer:
    with transaction(database) as connection:
        earlier = earlier_answer(connection, request)
        if earlier is not None:
            return earlier
        create(connection)
        keep_answer(connection, request, ANSWER)
    return ANSWER


def nothing(connection: Connection) -> None:
    pass


def never(connection: Connection) -> None:
    raise AssertionError("created twice")


def test_the_answer_is_repeated_byte_for_byte(database: Database) -> None:
    answered(database, REQUEST, nothing)
    assert answered(database, REQUEST, never) == ANSWER


def test_another_body_under_the_key_is_refused(database: Database) -> None:
    answered(database, REQUEST, nothing)
    with pytest.raises(InvalidField, match="Idempotency-Key"):
        answered(database, replace(REQUEST, body_hash="b"), never)


def test_another_owner_or_path_is_another_request(database: Database) -> None:
    answered(database, REQUEST, nothing)
    for other in (
        replace(REQUEST, owner="bob"),
        replace(REQUEST, owner=None),
        replace(REQUEST, path="/v1/files"),
    ):
        with transaction(database) as connection:
            assert earlier_answer(connection, other) is None


def test_while_the_first_runs_the_second_is_told_so(database: Database) -> None:
    def ask_again(connection: Connection) -> None:
        with pytest.raises(StillRunning):
            answered(database, REQUEST, never)

    answered(database, REQUEST, ask_again)
    assert answered(database, REQUEST, never) == ANSWER


def test_a_request_that_failed_or_died_leaves_its_key_free(database: Database) -> None:
    with database.connect() as dying:
        assert earlier_answer(dying, REQUEST) is None
        keep_answer(dying, REQUEST, ANSWER)
        dying.connection.driver_connection.close()  # type: ignore[union-attr]
        dying.invalidate()
    created = []
    answered(database, REQUEST, created.append)
    assert len(created) == 1


def test_an_answer_is_forgotten_after_a_week_and_not_before(database: Database) -> None:
    answered(database, REQUEST, nothing)
    execute(database, "UPDATE idempotency_key SET created_at = now() - interval '7 days 1 s'")
    answered(database, replace(REQUEST, key="young"), nothing)
    execute(
        database,
        "UPDATE idempotency_key SET created_at = now() - interval '6 days 23 h' WHERE key = 'young'",
    )
    assert forget_answers(database) == 1
    assert answered(database, replace(REQUEST, key="young"), never) == ANSWER
    created: list[Connection] = []
    answered(database, replace(REQUEST, body_hash="b"), created.append)
    assert len(created) == 1


def test_the_leader_forgets_old_answers(database: Database, servers: Servers) -> None:
    answered(database, REQUEST, nothing)
    execute(database, "UPDATE idempotency_key SET created_at = now() - interval '8 days'")
    doorbell = Doorbell(servers.broker_url)
    leader = Leader(database, doorbell, Settings())
    leader.tick()
    leader.close()
    doorbell.close()
    assert scalar(database, "SELECT count(*) FROM idempotency_key") == 0
