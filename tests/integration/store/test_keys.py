"""API keys as they are stored: hashed, with an owner and limits, gone when revoked."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from specreason.config import RunConfig
from specreason.errors import InvalidField, LimitReached, NotFound, StillRunning
from specreason.store.access.keys import (
    NewKey,
    create_key,
    ensure_operator_key,
    find_key,
    has_key,
    list_keys,
    revoke_key,
)
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.controls import cancel_batch, requeue_batch, requeue_job
from specreason.store.queue.problems import NewProblem, check
from specreason.store.queue.quota import check_quota
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState, Scope
from tests.support.messages import naming
from tests.support.store.builders import PAIR, insert_batch, job_ids
from tests.support.store.sql import scalar


def test_a_key_is_found_by_what_its_bearer_sends_and_that_is_not_stored(database: Database) -> None:
    issued = create_key(database, NewKey(name="laptop", owner="ada", scopes=[Scope.READ], max_queued_jobs=5))
    assert issued.secret.startswith("sr_")
    assert len(issued.secret) > 40
    found = find_key(database, issued.secret)
    assert found is not None
    assert (found.owner, found.scopes, found.max_queued_jobs) == ("ada", {Scope.READ}, 5)
    assert find_key(database, issued.secret[:-1] + "?") is None
    assert issued.secret not in str(scalar(database, "SELECT to_jsonb(api_key)::text FROM api_key"))
    assert issued.secret not in repr(issued)


def test_use_is_noted_and_a_revoked_key_is_found_no_more(database: Database) -> None:
    issued = create_key(database, NewKey(name="laptop", owner="ada"))
    assert list_keys(database)[0].last_used_at is None
    find_key(database, issued.secret)
    assert list_keys(database)[0].last_used_at is not None
    revoked = revoke_key(database, issued.key.key_id)
    assert find_key(database, issued.secret) is None
    assert revoke_key(database, issued.key.key_id) == revoked
    assert not has_key(database)
    with pytest.raises(NotFound):
        revoke_key(database, uuid4())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"owner": ""}, "owner"),
        ({"scopes": ()}, "scopes"),
        ({"max_queued_jobs": -1}, "max_queued_jobs"),
        ({"requests_per_minute": 2**31}, "requests_per_minute"),
    ],
)
def test_a_wrong_key_is_refused_and_not_made(
    database: Database, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidField, match=field):
        create_key(database, replace(NewKey(name="laptop", owner="ada"), **wrong))  # type: ignore[arg-type]
    assert list_keys(database) == ()


def test_the_operators_key_replaces_the_one_before_it_and_comes_back(database: Database) -> None:
    first, second = "a" * 32, "b" * 32
    for secret in (first, first, second):
        ensure_operator_key(database, secret)
    assert find_key(database, first) is None
    assert [key.scopes for key in list_keys(database) if key.revoked_at is None] == [{Scope.ADMIN}]
    ensure_operator_key(database, first)
    assert find_key(database, first) is not None
    assert find_key(database, second) is None
    with pytest.raises(InvalidField, match="SPECREASON_ADMIN_KEY"):
        ensure_operator_key(database, "short")


@pytest.mark.parametrize("is_revoked", [False, True])
@pytest.mark.parametrize("owner", ["ada", "operator"])
def test_the_secret_of_another_key_does_not_become_the_operators(
    database: Database, owner: str, is_revoked: bool
) -> None:
    before = "a" * 32
    ensure_operator_key(database, before)
    issued = create_key(database, NewKey(name=owner, owner=owner, scopes=[Scope.READ]))
    if is_revoked:
        revoke_key(database, issued.key.key_id)
    keys = list_keys(database)
    with pytest.raises(InvalidField, match="SPECREASON_ADMIN_KEY"):
        ensure_operator_key(database, issued.secret)
    assert list_keys(database) == keys


def batch_of(num_problems: int, owner: str) -> NewBatch:
    problems = [NewProblem(text="1 + 1?")] * num_problems
    config = RunConfig(repeats=2)
    return NewBatch(
        name="", pair=PAIR, config=config, problems=check(problems), owner=owner, max_queued_jobs=6
    )


def test_an_owner_has_no_more_queued_jobs_than_his_quota(database: Database) -> None:
    batch_id = insert_batch(database, batch_of(2, "ada"))
    insert_batch(database, batch_of(3, "bob"))
    with pytest.raises(LimitReached, match=naming(4, "'ada'")):
        insert_batch(database, batch_of(2, "ada"))
    assert scalar(database, "SELECT count(*) FROM batch") == 2
    insert_batch(database, batch_of(1, "ada"))
    cancel_batch(database, Viewer.EVERYONE, batch_id)
    insert_batch(database, batch_of(2, "ada"))


def test_two_submissions_of_one_owner_at_once_are_one_and_a_refusal(database: Database) -> None:
    with transaction(database) as first:
        check_quota(first, "ada", 1, most=6)
        with pytest.raises(StillRunning, match="'ada'"):
            insert_batch(database, batch_of(1, "ada"))
        insert_batch(database, batch_of(1, "bob"))
    insert_batch(database, batch_of(1, "ada"))


def test_jobs_that_are_queued_again_count_against_the_quota_of_their_owner(database: Database) -> None:
    """This also holds if an administrator queues them, who has no quota here."""
    small = create_key(database, NewKey(name="small", owner="ada", max_queued_jobs=2))
    create_key(database, NewKey(name="large", owner="ada", max_queued_jobs=6))
    create_key(database, NewKey(name="none", owner="bob"))
    ended = insert_batch(database, batch_of(2, "ada"))
    cancel_batch(database, Viewer.EVERYONE, ended)
    insert_batch(database, batch_of(2, "ada"))
    with pytest.raises(LimitReached, match=naming(4, "'ada'", 6)):
        requeue_batch(database, Viewer.EVERYONE, ended, [JobState.CANCELLED])
    first, second, third, _ = job_ids(database, ended)
    assert requeue_job(database, Viewer.EVERYONE, first)
    assert requeue_job(database, Viewer.EVERYONE, second)
    with pytest.raises(LimitReached):
        requeue_job(database, Viewer.EVERYONE, third)
    revoke_key(database, small.key.key_id)
    create_key(database, NewKey(name="free", owner="ada"))  # one without a quota
    assert requeue_batch(database, Viewer.EVERYONE, ended, [JobState.CANCELLED]) == 2
