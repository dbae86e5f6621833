"""The writes that a claim allows, and no longer allows once the job has moved on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import UUID

import pytest

from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.queue.claims import ClaimedJob, Recall, keep_message, recalled
from specreason.store.queue.controls import cancel_job
from specreason.store.queue.dispatch import expire_leases, take_unannounced
from specreason.store.queue.jobs import (
    JobResult,
    LeaseExpired,
    Quarantined,
    claim,
    finish,
    release,
    retry,
)
from specreason.store.queue.workers import beat
from specreason.store.read.summaries import BatchSummary, read_batch, read_job
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from specreason.submission.chat import user_turn
from tests.support.store.builders import (
    FINGERPRINT,
    PAIR,
    accepted,
    answer,
    append_all,
    claim_one,
    claimed,
    closed,
    expire,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.sql import execute, scalar

SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")


def test_of_two_claims_at_once_one_wins(database: Database) -> None:
    worker_ids = [start_worker(database) for _ in range(2)]
    start = Barrier(2)

    def race(job_id: UUID, worker_id: UUID) -> ClaimedJob | None:
        start.wait()
        return claim(database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT)

    with ThreadPoolExecutor(2) as pool:
        for job_id in job_ids(database, submit(database, 10)):
            won = list(pool.map(race, (job_id, job_id), worker_ids))
            assert sum(result is not None for result in won) == 1
            assert read_job(database, Viewer.EVERYONE, job_id).num_attempts == 1


def test_a_claim_says_all_that_a_run_needs(database: Database) -> None:
    (_, job_id) = job_ids(database, submit(database, repeats=2))
    job = claimed(database, job_id, start_worker(database))
    assert (job.fence, job.attempt, job.first_step, job.repeat, job.seed) == (1, 1, 0, 1, 7)
    assert job.messages == user_turn("What is 2 + 2, 0?")
    assert job.config.repeats == 2


def test_a_fence_is_never_reused(database: Database) -> None:
    job = claim_one(database)
    assert release(database, job)
    again = claimed(database, job.job_id, job.worker_id)
    assert (again.fence, again.attempt) == (2, 2)


def test_a_worker_without_a_lease_claims_nothing(database: Database) -> None:
    (job_id,) = job_ids(database, submit(database))
    worker_id = start_worker(database)
    expire(database, worker_id)
    with pytest.raises(LeaseExpired):
        claim(database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT)
    assert read_job(database, Viewer.EVERYONE, job_id).state is JobState.QUEUED
    beat(database, worker_id, lease_s=60)
    claimed(database, job_id, worker_id)


def test_a_message_in_the_hand_of_a_worker_that_waits_to_be_alone_is_not_sent_again(
    database: Database,
) -> None:
    (job_id,) = job_ids(database, submit(database))
    execute(database, "UPDATE job SET alone = true, published_at = now() - interval '1 h'")
    worker_id = start_worker(database)
    assert keep_message(database, job_id, worker_id=worker_id)
    assert take_unannounced(database, PAIR, lost_after_s=60) == ()
    cancel_job(database, Viewer.EVERYONE, job_id)
    assert not keep_message(database, job_id, worker_id=worker_id)


def test_a_job_that_must_run_alone_is_left_to_a_worker_with_less_to_do(database: Database) -> None:
    alone, other = job_ids(database, submit(database, 2))
    busy = start_worker(database)
    claimed(database, other, busy)
    execute(database, f"UPDATE job SET alone = true, published_at = now() WHERE id = '{alone}'")
    assert keep_message(database, alone, worker_id=busy)  # there is no other worker
    idle = start_worker(database)
    assert not keep_message(database, alone, worker_id=busy)
    assert take_unannounced(database, PAIR) == (alone,)
    assert keep_message(database, alone, worker_id=idle)


async def test_totals_are_those_of_the_steps(database: Database, writer: TraceWriter) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0), rejected(1), rejected(2, digit=None), closed(3), answer(4))
    assert finish(database, job, SUCCEEDED)
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (summary.num_steps, summary.num_drafted, summary.num_accepted) == (5, 3, 1)
    assert (summary.think_tokens, summary.answer_tokens, summary.kept_tokens) == (3 + 4 + 4, 5, 16)
    assert summary.inserted_tokens == 1  # the closing tag: no model generated it
    assert summary.spent_tokens == (3 + 1) + 2 * (3 + 1 + 4) + 0 + 6
    assert summary.wasted_tokens == summary.spent_tokens - summary.kept_tokens
    assert summary.engine_s == pytest.approx(3 * (1 / 3 + 0.1) + 3 / 3)
    assert summary.step_acceptance == pytest.approx(1 / 3)
    stored = scalar(
        database,
        "SELECT (num_steps, num_drafted, num_accepted, think_tokens, answer_tokens, spent_tokens,"
        " inserted_tokens)::text FROM job",
    )
    assert stored == "(5,3,1,11,5,26,1)"
    batch = read_batch(database, Viewer.EVERYONE, job.batch_id)
    assert (batch.kept_tokens, batch.spent_tokens, batch.inserted_tokens) == (16, 26, 1)


async def test_the_parts_of_a_latency_sum_to_it(database: Database, writer: TraceWriter) -> None:
    batch_id = submit(database, 2)
    worker_id = start_worker(database)
    for job_id, concurrency in zip(job_ids(database, batch_id), (1.5, 2.5), strict=True):
        found = claim(
            database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT, in_flight=2, admission_s=0.5
        )
        assert found is not None
        await append_all(writer, found, accepted(0), answer(1))
        execute(database, "UPDATE attempt SET started_at = started_at - interval '10 s'")
        result = replace(SUCCEEDED, store_s=0.25, mean_concurrency=concurrency)
        assert finish(database, found, result)
        one = read_job(database, Viewer.EVERYONE, job_id)
        assert one.own_s is not None
        assert one.own_s > 0
        assert one.latency_s == pytest.approx(one.engine_s + 0.25 + one.own_s)
        assert (one.concurrency, one.mean_concurrency, one.admission_s) == (2, concurrency, 0.5)
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    parts = (batch.mean_engine_s, batch.mean_store_s, batch.mean_own_s)
    assert batch.mean_latency_s == pytest.approx(sum(part or 0 for part in parts))
    assert (batch.mean_concurrency, batch.mean_admission_s) == (2.0, 0.5)


async def test_no_part_of_a_resumed_or_cancelled_jobs_latency_is_guessed(
    database: Database, writer: TraceWriter
) -> None:
    resumed, cancelled = job_ids(database, submit(database, 2))
    worker_id = start_worker(database)
    first = claimed(database, resumed, worker_id)
    await append_all(writer, first, accepted(0))
    assert release(database, first)
    again = claimed(database, resumed, worker_id)
    await append_all(writer, again, answer(1))
    assert finish(database, again, replace(SUCCEEDED, store_s=0.25, mean_concurrency=1.0))
    claimed(database, cancelled, worker_id)
    cancel_job(database, Viewer.EVERYONE, cancelled)
    for job_id in (resumed, cancelled):
        assert read_job(database, Viewer.EVERYONE, job_id).own_s is None


def test_a_batch_counts_why_its_jobs_stopped(database: Database) -> None:
    batch_id = submit(database, 4)
    first, second, third, fourth = job_ids(database, batch_id)
    worker_id = start_worker(database)
    full = replace(SUCCEEDED, stop_reason=StopReason.CONTEXT_FULL, answer=None)
    assert finish(database, claimed(database, first, worker_id), SUCCEEDED)
    assert finish(database, claimed(database, second, worker_id), full)
    assert finish(database, claimed(database, third, worker_id), full)
    assert finish(
        database, claimed(database, fourth, worker_id), JobResult(state=JobState.FAILED, error="why")
    )
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert batch.stop_reasons == {"answered": 1, "context_full": 2}


async def test_a_finished_job_cannot_be_finished_claimed_or_written_again(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0))
    assert finish(database, job, SUCCEEDED)
    assert not finish(database, job, JobResult(state=JobState.FAILED, error="late"))
    assert claim(database, job.job_id, worker_id=job.worker_id, pair_fingerprint=FINGERPRINT) is None
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (summary.state, summary.error, summary.answer) == (JobState.SUCCEEDED, None, "4")


async def test_a_released_job_goes_on_at_the_next_step_and_is_flagged(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0), rejected(1))
    assert release(database, job)
    again = claimed(database, job.job_id, job.worker_id)
    assert again.first_step == 2
    await append_all(writer, again, answer(2))
    assert finish(database, again, SUCCEEDED)
    assert read_job(database, Viewer.EVERYONE, job.job_id).resumed
    batch = read_batch(database, Viewer.EVERYONE, job.batch_id)
    assert (batch.num_succeeded, batch.num_timed, batch.mean_latency_s) == (1, 0, None)
    attempts = "SELECT array_agg(outcome || ' from ' || first_step ORDER BY number) FROM attempt"
    assert scalar(database, attempts) == ["released from 0", "succeeded from 2"]


async def test_steps_of_another_fingerprint_fail_the_job(database: Database, writer: TraceWriter) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0))
    assert release(database, job)
    other = start_worker(database, fingerprint="fingerprint-2")
    assert claim(database, job.job_id, worker_id=other, pair_fingerprint="fingerprint-2") is None
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert summary.state is JobState.FAILED
    assert "fingerprint-1" in str(summary.error)
    assert "fingerprint-2" in str(summary.error)


def test_another_fingerprint_may_begin_a_job_without_steps(database: Database) -> None:
    job = claim_one(database)
    assert release(database, job)
    other = start_worker(database, fingerprint="fingerprint-2")
    claimed(database, job.job_id, other, "fingerprint-2")
    assert read_job(database, Viewer.EVERYONE, job.job_id).pair_fingerprint == "fingerprint-2"


def test_a_configuration_from_the_future_fails_the_job(database: Database) -> None:
    (job_id,) = job_ids(database, submit(database))
    execute(database, """UPDATE batch SET config = config || '{"oracle": true}'""")
    assert claim(database, job_id, worker_id=start_worker(database), pair_fingerprint=FINGERPRINT) is None
    summary = read_job(database, Viewer.EVERYONE, job_id)
    assert summary.state is JobState.FAILED
    assert summary.error == "config.oracle: unknown key"


def test_an_error_is_retried_later_and_the_last_one_is_the_end(database: Database) -> None:
    job = claim_one(database)
    assert retry(database, job, "engine\0 gone", max_attempts=2)
    assert (
        claim(database, job.job_id, worker_id=job.worker_id, pair_fingerprint=FINGERPRINT) is None
    )  # not yet
    execute(database, "UPDATE job SET run_after = now()")
    again = claimed(database, job.job_id, job.worker_id)
    assert retry(database, again, "engine gone again", max_attempts=2)
    summary = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (summary.state, summary.error) == (JobState.DEAD, "engine gone again")
    assert scalar(database, "SELECT error FROM attempt WHERE number = 1") == "engine\ufffd gone"


def test_a_job_that_must_run_alone_is_claimed_only_when_nothing_runs_beside_it(database: Database) -> None:
    (job_id,) = job_ids(database, submit(database))
    execute(database, "UPDATE job SET alone = true")
    worker_id = start_worker(database)
    with pytest.raises(Quarantined):
        claim(database, job_id, worker_id=worker_id, pair_fingerprint=FINGERPRINT, in_flight=2)
    assert read_job(database, Viewer.EVERYONE, job_id).num_attempts == 0
    claimed(database, job_id, worker_id)


def test_a_worker_that_lost_the_claim_changes_nothing(database: Database) -> None:
    job = claim_one(database)
    expire(database, job.worker_id)
    assert expire_leases(database) == 1
    new = claimed(database, job.job_id, start_worker(database))
    before = read_job(database, Viewer.EVERYONE, job.job_id)
    assert not finish(database, job, SUCCEEDED)
    assert not release(database, job)
    assert not retry(database, job, "late")
    assert recalled(database, [job, new]) == ((job, Recall.LOST),)
    assert read_job(database, Viewer.EVERYONE, job.job_id) == before


def num_in(batch: BatchSummary, state: JobState) -> int:
    count: int = getattr(batch, f"num_{state}")
    return count


def test_counts_per_state_sum_to_the_jobs(database: Database) -> None:
    batch_id = submit(database, 6)
    worker_id = start_worker(database)
    ids = iter(job_ids(database, batch_id))

    def check() -> None:
        batch = read_batch(database, Viewer.EVERYONE, batch_id)
        assert sum(num_in(batch, state) for state in JobState) == batch.num_jobs == 6

    check()
    for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED):
        job = claimed(database, next(ids), worker_id)
        check()
        assert finish(
            database, job, JobResult(state=state, error="why" if state is JobState.FAILED else None)
        )
        check()
    assert retry(database, claimed(database, next(ids), worker_id), "gone", max_attempts=1)
    check()
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert {state: num_in(batch, state) for state in JobState} == {
        state: 0 if state is JobState.RUNNING else 1 for state in JobState
    }


def test_every_change_of_a_job_leaves_an_event(database: Database) -> None:
    job = claim_one(database)
    release(database, job)
    again = claimed(database, job.job_id, job.worker_id)
    finish(database, again, SUCCEEDED)
    told = scalar(
        database,
        f"""SELECT array_agg(kind || ' ' || state || coalesce(' ' || outcome, '') ORDER BY id)
            FROM event WHERE job_id = '{job.job_id}'""",
    )
    assert told == [
        "job_claimed running",
        "job_requeued queued released",
        "job_claimed running",
        "job_ended succeeded succeeded",
    ]
