"""Leases that run out, jobs to announce, and leadership."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text

from specreason.errors import StoreUnavailable
from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import cancel_batch, pause_batch, requeue_batch, resume_batch
from specreason.store.queue.dispatch import Leadership, expire_leases, take_unannounced
from specreason.store.queue.jobs import release, retry
from specreason.store.queue.workers import beat, live_slots, stop_worker
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.read.workers import list_workers
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from tests.support.messages import names
from tests.support.store.builders import PAIR, claim_one, claimed, expire, job_ids, start_worker, submit
from tests.support.store.sql import execute, scalar
from tests.support.workers.processes import wait_for


def test_jobs_of_an_expired_lease_are_queued_again(database: Database) -> None:
    job = claim_one(database)
    assert expire_leases(database) == 0
    expire(database, job.worker_id)
    assert expire_leases(database) == 1
    assert expire_leases(database) == 0
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (summary.state, summary.num_lost) == (JobState.QUEUED, 1)
    assert scalar(database, "SELECT outcome FROM attempt") == "lost"
    assert take_unannounced(database, PAIR) == (job.job_id,)


def test_a_job_that_loses_too_many_workers_runs_alone_once_and_then_is_dead(database: Database) -> None:
    (job_id,) = job_ids(database, batch_id := submit(database))
    for number in range(1, 5):
        job = claimed(database, job_id, start_worker(database))
        assert scalar(database, "SELECT alone FROM job") is (number == 4)
        expire(database, job.worker_id)
        assert expire_leases(database) == 1
    summary = read_job(database, Viewer.EVERYONE, job_id)
    assert (summary.state, summary.num_lost, summary.num_attempts) == (JobState.DEAD, 4, 4)
    assert names(str(summary.error), "4 workers", "lost", "alone")
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_dead == 1


def test_a_lease_that_ran_out_is_renewed_until_the_leader_has_seen_it(database: Database) -> None:
    worker_id = start_worker(database, lease_s=60)
    assert beat(database, worker_id, lease_s=60)
    expire(database, worker_id)
    assert beat(database, worker_id, lease_s=60)  # Postgres was away, say
    expire(database, worker_id)
    expire_leases(database)
    assert not beat(database, worker_id, lease_s=60)
    assert scalar(database, "SELECT count(*) FROM event WHERE kind = 'worker_lost'") == 1


def test_a_stopped_worker_holds_nothing(database: Database) -> None:
    job = claim_one(database)
    assert PAIR in live_slots(database)
    stop_worker(database, job.worker_id)
    assert PAIR not in live_slots(database)
    assert not beat(database, job.worker_id, lease_s=60)
    assert expire_leases(database) == 1


def test_a_live_worker_is_listed_before_any_number_of_later_ones_that_stopped(database: Database) -> None:
    alive, late = start_worker(database), start_worker(database)
    expire(database, late)
    stopped = [start_worker(database) for _ in range(3)]
    for worker_id in stopped:
        stop_worker(database, worker_id)
    listed = [worker.worker_id for worker in list_workers(database, limit=4)]
    assert listed == [alive, *stopped[::-1]]
    assert list_workers(database)[-1].worker_id == late


def test_each_job_is_announced_once_and_again_when_it_was_not_heard_of(database: Database) -> None:
    ids = job_ids(database, submit(database, 3))
    assert take_unannounced(database, PAIR, lost_after_s=0) == ids
    assert take_unannounced(database, PAIR, lost_after_s=60) == ()
    assert take_unannounced(database, PAIR, messages=ids[:2], lost_after_s=0) == ids[2:]
    assert take_unannounced(database, PAIR, lost_after_s=0) == ids
    assert take_unannounced(database, "another pair") == ()


def test_a_queue_never_holds_more_messages_than_the_window_even_stale_ones(
    database: Database,
) -> None:
    ids = job_ids(database, submit(database, 10))
    stale = [None] * 3
    assert take_unannounced(database, PAIR, window=5, messages=stale, lost_after_s=0) == ids[:2]
    assert take_unannounced(database, PAIR, window=5, messages=[*stale, *ids[:2]], lost_after_s=0) == ()


def test_the_window_bounds_what_is_announced_and_unclaimed(database: Database) -> None:
    ids = job_ids(database, submit(database, 10))
    assert take_unannounced(database, PAIR, window=4) == ids[:4]
    assert take_unannounced(database, PAIR, window=4) == ()
    claimed(database, ids[1], start_worker(database))
    assert take_unannounced(database, PAIR, window=4) == (ids[4],)


def test_a_larger_priority_goes_first_and_batches_of_one_priority_take_turns(database: Database) -> None:
    old, new = (job_ids(database, submit(database, 2)) for _ in range(2))
    urgent = job_ids(database, submit(database, 1, priority=5))
    assert take_unannounced(database, PAIR) == (*urgent, old[0], new[0], old[1], new[1])


def test_a_small_batch_behind_a_large_one_shares_the_places_from_where_the_large_one_is(
    database: Database,
) -> None:
    large = job_ids(database, submit(database, 500))
    assert take_unannounced(database, PAIR, window=100) == large[:100]
    small = job_ids(database, submit(database, 3))
    worker_id = start_worker(database)
    for job_id in large[:6]:
        claimed(database, job_id, worker_id)
    assert set(take_unannounced(database, PAIR, window=100)) == {*small, *large[100:103]}


def test_a_batch_that_was_paused_does_not_make_up_for_lost_turns(database: Database) -> None:
    paused, other = submit(database, 50), submit(database, 50)
    pause_batch(database, Viewer.EVERYONE, paused)
    served = take_unannounced(database, PAIR, window=40)
    assert set(served) <= set(job_ids(database, other))
    resume_batch(database, Viewer.EVERYONE, paused)
    worker_id = start_worker(database)
    for job_id in served[:10]:
        claimed(database, job_id, worker_id)
    following = take_unannounced(database, PAIR, window=40)
    assert len(set(following) & set(job_ids(database, other))) in (4, 5)


def test_a_job_queued_again_does_not_pull_newcomers_to_the_front(database: Database) -> None:
    ids = job_ids(database, submit(database, 50))
    worker_id = start_worker(database)
    first = claimed(database, ids[0], worker_id)
    for job_id in take_unannounced(database, PAIR, window=20):
        claimed(database, job_id, worker_id)
    release(database, first)
    late = job_ids(database, submit(database, 2))
    assert take_unannounced(database, PAIR, window=4) == (ids[0], late[0], ids[21], late[1])


def test_a_job_of_a_lost_worker_goes_before_newcomers_however_empty_the_queue_was_when_they_came(
    database: Database,
) -> None:
    ids = job_ids(database, submit(database, 20))
    worker_id = start_worker(database)
    for job_id in take_unannounced(database, PAIR):
        claimed(database, job_id, worker_id)
    newcomers = job_ids(database, submit(database, 5))  # when nothing is queued
    expire(database, worker_id)
    assert expire_leases(database) == 20
    assert take_unannounced(database, PAIR, window=22) == (*ids, *newcomers[:2])


def test_jobs_that_are_queued_again_by_hand_do_not_go_before_those_that_came_meanwhile(
    database: Database,
) -> None:
    old = submit(database, 10)
    cancel_batch(database, Viewer.EVERYONE, old)
    served = job_ids(database, submit(database, 30))
    assert take_unannounced(database, PAIR, window=20) == served[:20]
    assert requeue_batch(database, Viewer.EVERYONE, old, [JobState.CANCELLED]) == 10
    following = take_unannounced(database, PAIR, window=26)
    assert len(set(following) & set(served)) == 2


def test_a_batch_whose_jobs_all_failed_once_does_not_go_before_one_that_came_meanwhile(
    database: Database,
) -> None:
    failed = job_ids(database, submit(database, 10))
    worker_id = start_worker(database)
    for job_id in take_unannounced(database, PAIR):
        assert retry(database, claimed(database, job_id, worker_id), "the hub is away", delay_s=0.001)
    newcomers = job_ids(database, submit(database, 3))
    execute(database, "UPDATE job SET run_after = now()")
    assert set(newcomers) < set(take_unannounced(database, PAIR, window=7))
    assert len(failed) == 10


def test_the_clock_of_a_queue_never_goes_back(database: Database) -> None:
    submit(database, 10)
    take_unannounced(database, PAIR, window=5)
    (early,) = job_ids(database, submit(database))
    execute(database, f"UPDATE job SET turn = 0 WHERE id = '{early}'")
    take_unannounced(database, PAIR, window=6)
    assert scalar(database, "SELECT turn FROM turn_clock") == 4


def test_a_job_is_not_announced_before_its_time(database: Database) -> None:
    ids = job_ids(database, submit(database, 2))
    execute(database, f"UPDATE job SET run_after = now() + interval '1 h' WHERE id = '{ids[0]}'")
    assert take_unannounced(database, PAIR) == (ids[1],)


def test_a_released_job_is_announced_at_once(database: Database) -> None:
    (job_id,) = job_ids(database, submit(database))
    take_unannounced(database, PAIR)
    job = claimed(database, job_id, start_worker(database))
    assert release(database, job)
    assert take_unannounced(database, PAIR) == (job_id,)


def test_a_long_queue_is_read_through_its_indexes_only(database: Database) -> None:
    """A predicate that Postgres cannot match with a partial index reads every job there ever was."""
    submit(database, 2000)
    execute(database, "ANALYZE job")
    statements: list[tuple[str, object]] = []

    @event.listens_for(database, "before_cursor_execute")
    def note(*sent: Any) -> None:
        _, _, statement, values, *_ = sent
        if "FROM job" in statement:
            statements.append((statement, values))

    take_unannounced(database, PAIR, window=2)
    take_unannounced(database, PAIR, window=3, messages=[None], lost_after_s=10)
    event.remove(database, "before_cursor_execute", note)
    statements = [(sent, values) for sent, values in statements if sent.startswith("SELECT")]
    assert len(statements) == 5
    with database.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        for statement, values in statements:
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
            assert "Seq Scan" not in plan, f"{statement}\n{plan}"
            assert "using ix_job_queue" in plan or "using ix_job_announced" in plan, f"{statement}\n{plan}"


def test_one_leads_and_another_takes_over(database: Database, database_url: str) -> None:
    other = connect(database_url)
    first, second = Leadership(database), Leadership(other)
    assert first.try_lead()
    assert first.try_lead()
    assert not second.try_lead()
    first.close()
    wait_for(second.try_lead)  # Postgres ends the connection, and with it the lock, a moment later
    assert not first.try_lead()
    second.close()
    other.dispose()


def test_a_leader_that_is_frozen_is_replaced(database: Database, database_url: str) -> None:
    other = connect(database_url)
    frozen, second = Leadership(database, silent_s=0.2), Leadership(other)
    assert frozen.try_lead()
    wait_for(second.try_lead)
    with pytest.raises(StoreUnavailable):
        frozen.try_lead()
    assert not frozen.try_lead()
    second.close()
    other.dispose()
