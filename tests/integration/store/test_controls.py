"""The controls of a user over submitted jobs, and when a worker learns of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from uuid_utils.compat import uuid7

from specreason.errors import InvalidField, NotFound
from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.queue.claims import Recall, recalled
from specreason.store.queue.controls import (
    cancel_batch,
    cancel_job,
    pause_batch,
    requeue_batch,
    requeue_job,
    resume_batch,
    set_batch_deadline,
    set_batch_priority,
    set_job_deadline,
)
from specreason.store.queue.dispatch import expire_deadlines, take_unannounced
from specreason.store.queue.jobs import JobResult, claim, finish, release, retry
from specreason.store.queue.transitions import give_back_jobs, lock_jobs
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import AttemptOutcome, JobState
from specreason.store.trace.writer import TraceWriter, read_steps
from tests.support.store.builders import (
    FINGERPRINT,
    PAIR,
    accepted,
    answer,
    append_all,
    claim_one,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.sql import execute, scalar
from tests.support.workers.processes import wait_for

SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_cancelling_a_batch_ends_what_has_not_ended(database: Database, writer: TraceWriter) -> None:
    batch_id = submit(database, 3)
    first, second, _ = job_ids(database, batch_id)
    worker_id = start_worker(database)
    done, running = claimed(database, first, worker_id), claimed(database, second, worker_id)
    assert finish(database, done, SUCCEEDED)
    await append_all(writer, running, accepted(0))
    assert cancel_batch(database, Viewer.EVERYONE, batch_id) == 2
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (batch.num_succeeded, batch.num_cancelled, batch.num_steps) == (1, 2, 1)
    assert batch.finished_at is not None
    assert batch.cancelled_at is not None
    assert recalled(database, [running]) == ((running, Recall.LOST),)
    assert not finish(database, running, SUCCEEDED)
    assert read_job(database, Viewer.EVERYONE, second).stop_reason is StopReason.CANCELLED
    assert cancel_batch(database, Viewer.EVERYONE, batch_id) == 0


def test_cancelling_a_job_leaves_the_others(database: Database) -> None:
    batch_id = submit(database, 2)
    first, second = job_ids(database, batch_id)
    assert cancel_job(database, Viewer.EVERYONE, first)
    assert not cancel_job(database, Viewer.EVERYONE, first)
    assert read_job(database, Viewer.EVERYONE, first).state is JobState.CANCELLED
    assert read_job(database, Viewer.EVERYONE, second).state is JobState.QUEUED


def test_a_paused_batch_starts_nothing_and_goes_on_when_resumed(database: Database) -> None:
    batch_id = submit(database, 2)
    first, second = job_ids(database, batch_id)
    take_unannounced(database, PAIR)
    pause_batch(database, Viewer.EVERYONE, batch_id)
    assert read_batch(database, Viewer.EVERYONE, batch_id).paused_at is not None
    assert take_unannounced(database, PAIR, lost_after_s=0) == ()
    worker_id = start_worker(database)
    assert claim(database, first, worker_id=worker_id, pair_fingerprint=FINGERPRINT) is None
    resume_batch(database, Viewer.EVERYONE, batch_id)
    assert read_batch(database, Viewer.EVERYONE, batch_id).paused_at is None
    assert take_unannounced(database, PAIR) == (first, second)
    claimed(database, first, worker_id)


def test_a_running_job_of_a_paused_batch_is_called_back_and_waits(database: Database) -> None:
    job = claim_one(database)
    assert recalled(database, [job]) == ()
    pause_batch(database, Viewer.EVERYONE, job.batch_id)
    assert recalled(database, [job]) == ((job, Recall.PAUSED),)
    assert release(database, job)
    assert take_unannounced(database, PAIR) == ()
    resume_batch(database, Viewer.EVERYONE, job.batch_id)
    assert take_unannounced(database, PAIR) == (job.job_id,)


def test_a_job_queued_again_in_the_moment_of_a_pause_is_not_claimed(database: Database) -> None:
    job = claim_one(database)
    pause_batch(database, Viewer.EVERYONE, job.batch_id)
    release(database, job)
    execute(database, "UPDATE job SET paused = false")  # as if release had not seen the pause
    assert take_unannounced(database, PAIR) == (job.job_id,)
    assert claim(database, job.job_id, worker_id=job.worker_id, pair_fingerprint=FINGERPRINT) is None
    resume_batch(database, Viewer.EVERYONE, job.batch_id)
    assert take_unannounced(database, PAIR, lost_after_s=0) == (job.job_id,)


def test_a_job_given_back_in_the_moment_of_a_resume_is_not_left_paused(database: Database) -> None:
    claimed_job = claim_one(database)
    pause_batch(database, Viewer.EVERYONE, claimed_job.batch_id)
    resuming = threading.Thread(target=resume_batch, args=(database, Viewer.EVERYONE, claimed_job.batch_id))
    with transaction(database) as connection:
        lock_jobs(connection, job.c.id == claimed_job.job_id)
        give_back_jobs(connection, [claimed_job.job_id], outcome=AttemptOutcome.RELEASED)
        resuming.start()
        wait_for(lambda: num_waiting_for_locks(database) == 1)
    resuming.join()
    assert take_unannounced(database, PAIR) == (claimed_job.job_id,)
    claimed(database, claimed_job.job_id, claimed_job.worker_id)


def test_a_job_given_back_in_the_moment_of_a_pause_is_paused(database: Database) -> None:
    claimed_job = claim_one(database)
    pausing = threading.Thread(target=pause_batch, args=(database, Viewer.EVERYONE, claimed_job.batch_id))
    with transaction(database) as connection:
        lock_jobs(connection, job.c.id == claimed_job.job_id)
        give_back_jobs(connection, [claimed_job.job_id], outcome=AttemptOutcome.RELEASED)
        pausing.start()
        wait_for(lambda: num_waiting_for_locks(database) == 1)
    pausing.join()
    assert take_unannounced(database, PAIR) == ()


def test_a_job_queued_again_by_hand_in_the_moment_of_a_resume_is_not_left_paused(database: Database) -> None:
    (job_id,) = job_ids(database, batch_id := submit(database))
    cancel_job(database, Viewer.EVERYONE, job_id)
    pause_batch(database, Viewer.EVERYONE, batch_id)
    requeueing = threading.Thread(target=requeue_job, args=(database, Viewer.EVERYONE, job_id))
    with transaction(database) as connection:
        connection.execute(update(batch).values(paused_at=None))  # a resume that has not committed
        requeueing.start()
        wait_for(lambda: num_waiting_for_locks(database) == 1)
    requeueing.join()
    assert take_unannounced(database, PAIR) == (job_id,)


def test_a_claim_in_the_moment_of_a_resume_leaves_nothing_paused(database: Database) -> None:
    claimed_job = claim_one(database)
    pause_batch(database, Viewer.EVERYONE, claimed_job.batch_id)
    release(database, claimed_job)
    execute(database, "UPDATE job SET paused = false")  # as if release had not seen the pause
    with transaction(database) as connection:
        lock_jobs(connection, job.c.id == claimed_job.job_id)
        claiming = threading.Thread(
            target=claimed, args=(database, claimed_job.job_id, claimed_job.worker_id)
        )
        claiming.start()
        wait_for(lambda: num_waiting_for_locks(database) == 1)
        connection.execute(update(batch).values(paused_at=None))
    claiming.join()
    assert read_job(database, Viewer.EVERYONE, claimed_job.job_id).state is JobState.RUNNING


def num_waiting_for_locks(database: Database) -> int:
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    number: int = scalar(database, f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}")
    return number


async def test_a_job_past_its_deadline_expires_with_the_steps_it_has(
    database: Database, writer: TraceWriter
) -> None:
    batch_id = submit(database, 3)
    first, second, third = job_ids(database, batch_id)
    running = claimed(database, first, start_worker(database))
    await append_all(writer, running, accepted(0), rejected(1))
    assert set_batch_deadline(database, Viewer.EVERYONE, batch_id, soon()) == 3
    assert set_job_deadline(database, Viewer.EVERYONE, third, None)
    assert expire_deadlines(database) == 0
    execute(database, "UPDATE job SET deadline_at = now() WHERE deadline_at IS NOT NULL")
    assert claim(database, second, worker_id=running.worker_id, pair_fingerprint=FINGERPRINT) is None
    assert expire_deadlines(database) == 2
    assert recalled(database, [running]) == ((running, Recall.LOST),)
    summary = read_job(database, Viewer.EVERYONE, first)
    assert (summary.state, summary.stop_reason, summary.num_steps) == (
        JobState.EXPIRED,
        StopReason.DEADLINE,
        2,
    )
    assert read_job(database, Viewer.EVERYONE, third).state is JobState.QUEUED
    assert not set_job_deadline(database, Viewer.EVERYONE, first, soon())


async def test_a_dead_job_that_is_queued_again_goes_on_at_its_next_step(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0), rejected(1))
    assert retry(database, job, "gone", max_attempts=1)
    assert read_job(database, Viewer.EVERYONE, job.job_id).state is JobState.DEAD
    assert requeue_job(database, Viewer.EVERYONE, job.job_id)
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (summary.state, summary.error, summary.num_errors) == (JobState.QUEUED, None, 0)
    assert summary.finished_at is None
    again = claimed(database, job.job_id, job.worker_id)
    assert again.first_step == len(read_steps(database, job.job_id)) == 2
    assert retry(database, again, "gone", max_attempts=2)  # the errors before count no more
    assert read_job(database, Viewer.EVERYONE, job.job_id).state is JobState.QUEUED


async def test_what_succeeded_or_still_runs_is_not_queued_again(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    assert not requeue_job(database, Viewer.EVERYONE, job.job_id)
    await append_all(writer, job, answer(0))
    assert finish(database, job, SUCCEEDED)
    assert not requeue_job(database, Viewer.EVERYONE, job.job_id)
    assert requeue_batch(database, Viewer.EVERYONE, job.batch_id, [JobState.FAILED, JobState.CANCELLED]) == 0
    with pytest.raises(InvalidField, match="'succeeded'"):
        requeue_batch(database, Viewer.EVERYONE, job.batch_id, [JobState.SUCCEEDED])


def test_queueing_a_batch_again_takes_the_states_asked_for(database: Database) -> None:
    batch_id = submit(database, 3)
    first, second, third = job_ids(database, batch_id)
    failed = claimed(database, first, start_worker(database))
    assert finish(database, failed, JobResult(state=JobState.FAILED, error="why"))
    cancel_job(database, Viewer.EVERYONE, second)
    assert requeue_batch(database, Viewer.EVERYONE, batch_id) == 1
    assert [read_job(database, Viewer.EVERYONE, j).state for j in (first, second, third)] == [
        JobState.QUEUED, JobState.CANCELLED, JobState.QUEUED,
    ]  # fmt: skip
    assert requeue_batch(database, Viewer.EVERYONE, batch_id, [JobState.CANCELLED]) == 1
    assert read_batch(database, Viewer.EVERYONE, batch_id).num_queued == 3


def test_every_control_leaves_an_event(database: Database) -> None:
    batch_id = submit(database)
    pause_batch(database, Viewer.EVERYONE, batch_id)
    resume_batch(database, Viewer.EVERYONE, batch_id)
    cancel_batch(database, Viewer.EVERYONE, batch_id)
    requeue_batch(database, Viewer.EVERYONE, batch_id, [JobState.CANCELLED])
    told = scalar(database, "SELECT array_agg(kind ORDER BY id) FROM event")
    assert told == [
        "batch_submitted", "batch_paused", "batch_resumed", "job_ended", "batch_cancelled", "job_requeued",
    ]  # fmt: skip


def test_a_control_that_changes_nothing_leaves_no_event_and_says_so(database: Database) -> None:
    batch_id = submit(database, 2)
    everyone = Viewer.EVERYONE
    assert not resume_batch(database, everyone, batch_id)
    assert pause_batch(database, everyone, batch_id)
    paused_at = read_batch(database, everyone, batch_id).paused_at
    assert not pause_batch(database, everyone, batch_id)
    assert read_batch(database, everyone, batch_id).paused_at == paused_at
    assert set_batch_deadline(database, everyone, batch_id, None) == 0
    assert set_batch_deadline(database, everyone, batch_id, at := soon()) == 2
    assert set_batch_deadline(database, everyone, batch_id, at) == 0
    first, _ = job_ids(database, batch_id)
    assert not set_job_deadline(database, everyone, first, at)
    assert set_batch_priority(database, everyone, batch_id, 5) == 2
    assert set_batch_priority(database, everyone, batch_id, 5) == 0
    assert cancel_batch(database, everyone, batch_id) == 2
    before = scalar(database, "SELECT count(*) FROM event")
    assert cancel_batch(database, everyone, batch_id) == 0
    assert requeue_batch(database, everyone, batch_id) == 0
    assert not cancel_job(database, everyone, first)
    assert scalar(database, "SELECT count(*) FROM event") == before
    told = scalar(database, "SELECT array_agg(kind ORDER BY id) FROM event WHERE job_id IS NULL")
    assert told == ["batch_submitted", "batch_paused", "batch_cancelled"]


def test_a_batch_whose_jobs_had_all_ended_does_not_count_as_cancelled(database: Database) -> None:
    batch_id = submit(database)
    (job_id,) = job_ids(database, batch_id)
    assert finish(database, claimed(database, job_id, start_worker(database)), SUCCEEDED)
    assert cancel_batch(database, Viewer.EVERYONE, batch_id) == 0
    assert read_batch(database, Viewer.EVERYONE, batch_id).cancelled_at is None


@pytest.mark.parametrize("control", [pause_batch, cancel_batch])
def test_of_two_controls_at_once_one_changes_something_and_one_event_tells_of_it(
    database: Database, control: Callable[[Database, Viewer, UUID], int]
) -> None:
    batch_id = submit(database)
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(lambda _: control(database, Viewer.EVERYONE, batch_id), range(4)))
    assert sum(changed) == 1
    assert scalar(database, "SELECT count(*) FROM event WHERE kind ~ 'paused|cancelled'") == 1


def test_an_unknown_batch_or_job_is_named(database: Database) -> None:
    nowhere: UUID = uuid7()
    for control in (cancel_batch, pause_batch, resume_batch, requeue_batch, cancel_job, requeue_job):
        with pytest.raises(NotFound, match=str(nowhere)):
            control(database, Viewer.EVERYONE, nowhere)
    for set_deadline in (set_batch_deadline, set_job_deadline):
        with pytest.raises(NotFound, match=str(nowhere)):
            set_deadline(database, Viewer.EVERYONE, nowhere, None)
