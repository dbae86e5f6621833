"""The sums over the steps of ended jobs: added at the end of a job, subtracted where it is queued again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, tuples

from specreason.reasoning.steps import StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.queue import transitions
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.controls import (
    cancel_batch,
    cancel_job,
    requeue_batch,
    requeue_job,
    set_job_deadline,
)
from specreason.store.queue.dispatch import expire_deadlines, expire_leases
from specreason.store.queue.jobs import JobResult, claim, finish, release, retry
from specreason.store.queue.older import add_left_out
from specreason.store.queue.rollups import NUM_PARTS, rebuild
from specreason.store.session import Database, connect, transaction
from specreason.store.tables.columns import DEVICE_SECONDS
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import (
    accepted,
    answer,
    append_all,
    claimed,
    closed,
    expire,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.queue_rules import RULES, broken_rules
from tests.support.store.sql import execute, rows_of, scalar

RULE = "the sums over the steps of ended jobs are what these steps sum to"
TRACE = (accepted(0), rejected(1), rejected(2, None), accepted(3), closed(4), answer(5))
BY_DRAFTER = ("num_thinking", "num_by_drafter", "drafter_tokens")
NUM_STEPS = "SELECT coalesce(sum(num_steps), 0)::int FROM step_rollup"
FAILED = JobResult(state=JobState.FAILED, error="why")


def holds(database: Database) -> bool:
    return broken_rules(database, {RULE: RULES[RULE]}) == []


def write(writer: TraceWriter, job: ClaimedJob, trace: Sequence[StepRecord] = TRACE) -> None:
    asyncio.run(append_all(writer, job, *trace[job.first_step :]))


@pytest.fixture
def job(database: Database, writer: TraceWriter) -> ClaimedJob:
    """A running job with the six steps of TRACE."""
    (job_id,) = job_ids(database, submit(database))
    running = claimed(database, job_id, start_worker(database))
    write(writer, running)
    return running


def test_the_steps_of_a_job_are_summed_once_it_has_ended(database: Database, job: ClaimedJob) -> None:
    assert scalar(database, NUM_STEPS) == 0
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED))
    told = """
        SELECT decision, author, utility_score, position, length, num_steps, kept_tokens, spent_tokens, draft_tokens,
            written_tokens, inserted_tokens, draft_s::float, verify_s::float, written_s::float
        FROM step_rollup ORDER BY position, decision
    """
    third = 0.333333
    assert [tuple(row) for row in rows_of(database, told)] == [
        ("accepted", "drafter", 8, 0, 2, 1, 3, 4, 3, 0, 0, third, 0.1, 0),
        ("rejected", "base", 3, 1, 2, 1, 4, 8, 3, 4, 0, third, 0.1, third),
        ("accepted", "drafter", 8, 2, 2, 1, 3, 4, 3, 0, 0, third, 0.1, 0),
        ("rejected_no_digit", "base", None, 2, 2, 1, 4, 8, 3, 4, 0, third, 0.1, third),
        ("answer", "base", None, 4, 4, 1, 5, 6, 0, 6, 0, 0, 0, third),
        ("closed_token_budget", None, None, 4, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0),
    ]
    assert holds(database)


def succeed(database: Database, job: ClaimedJob) -> None:
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED))


def fail(database: Database, job: ClaimedJob) -> None:
    assert finish(database, job, FAILED)


def cancel_it(database: Database, job: ClaimedJob) -> None:
    assert cancel_job(database, Viewer.EVERYONE, job.job_id)


def cancel_all(database: Database, job: ClaimedJob) -> None:
    assert cancel_batch(database, Viewer.EVERYONE, job.batch_id) == 1


def let_it_be_late(database: Database, job: ClaimedJob) -> None:
    set_job_deadline(database, Viewer.EVERYONE, job.job_id, datetime.now(UTC) - timedelta(seconds=1))
    assert expire_deadlines(database) == 1


def let_it_err(database: Database, job: ClaimedJob) -> None:
    assert retry(database, job, "why", max_attempts=1)


def lose_its_worker(database: Database, job: ClaimedJob) -> None:
    expire(database, job.worker_id)
    assert expire_leases(database, max_lost=0) == 1


def let_another_pair_claim_it(database: Database, job: ClaimedJob) -> None:
    assert release(database, job)
    other = start_worker(database, fingerprint="fingerprint-2")
    assert claim(database, job.job_id, worker_id=other, pair_fingerprint="fingerprint-2") is None


ENDS: Sequence[Callable[[Database, ClaimedJob], None]] = (
    succeed,
    fail,
    cancel_it,
    cancel_all,
    let_it_be_late,
    let_it_err,
    lose_its_worker,
    let_another_pair_claim_it,
)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_however_a_job_ends_its_steps_are_summed_and_queued_again_they_are_not(
    database: Database, job: ClaimedJob, end: Callable[[Database, ClaimedJob], None]
) -> None:
    end(database, job)
    assert scalar(database, NUM_STEPS) == len(TRACE)
    assert holds(database)
    if end is not succeed:
        assert requeue_job(database, Viewer.EVERYONE, job.job_id)
        assert scalar(database, "SELECT count(*) FROM step_rollup") == 0
        assert holds(database)


def test_a_job_that_is_given_back_is_summed_once(
    database: Database, writer: TraceWriter, job: ClaimedJob
) -> None:
    assert release(database, job)
    assert scalar(database, NUM_STEPS) == 0
    again = claimed(database, job.job_id, start_worker(database))
    succeed(database, again)
    assert not finish(database, job, FAILED)
    assert scalar(database, NUM_STEPS) == len(TRACE)


def test_the_sums_of_a_batch_are_deleted_with_it(database: Database, job: ClaimedJob) -> None:
    succeed(database, job)
    execute(database, "DELETE FROM batch")
    assert scalar(database, "SELECT count(*) FROM step_rollup") == 0


def test_sums_can_be_computed_anew_from_the_steps(database: Database, job: ClaimedJob) -> None:
    succeed(database, job)
    right = rows_of(database, "SELECT * FROM step_rollup ORDER BY step_rollup::text")
    execute(database, "UPDATE step_rollup SET num_steps = 7, part = (part + 1) % 8")
    assert not holds(database)
    with transaction(database) as connection:
        rebuild(connection, [job.batch_id])
    assert rows_of(database, "SELECT * FROM step_rollup ORDER BY step_rollup::text") == right


def end_as_before_the_sums(database: Database, job: ClaimedJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker of the version before this table ends it, which a rolling upgrade has for a while."""
    with monkeypatch.context() as patch:
        patch.setattr(transitions, "add_steps", lambda *_: None)
        fail(database, job)
    newer = ", ".join(f"{name} = NULL" for name in (*BY_DRAFTER, *DEVICE_SECONDS))
    execute(database, f"UPDATE job SET {newer} WHERE id = '{job.job_id}'")


def test_a_job_that_an_older_worker_has_ended_is_not_subtracted_from_the_others(
    database: Database, writer: TraceWriter, job: ClaimedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = job_ids(database, submit(database))
    running = claimed(database, other, job.worker_id)
    write(writer, running)
    succeed(database, running)
    end_as_before_the_sums(database, job, monkeypatch)
    assert requeue_job(database, Viewer.EVERYONE, job.job_id)
    assert scalar(database, NUM_STEPS) == len(TRACE)
    assert holds(database)
    execute(database, "UPDATE job SET run_after = now()")
    fail(database, claimed(database, job.job_id, job.worker_id))
    assert scalar(database, NUM_STEPS) == 2 * len(TRACE)
    assert holds(database)


def test_the_steps_of_a_job_that_an_older_worker_has_ended_are_added_once(
    database: Database, job: ClaimedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_as_before_the_sums(database, job, monkeypatch)
    with transaction(database) as connection:
        rebuild(connection, [job.batch_id])
    assert scalar(database, NUM_STEPS) == 0
    assert [add_left_out(database) for _ in range(2)] == [1, 0]
    assert scalar(database, NUM_STEPS) == len(TRACE)
    assert holds(database)
    totals = "SELECT num_steps, num_thinking, num_by_drafter, drafter_tokens FROM job"
    assert [tuple(row) for row in rows_of(database, totals)] == [(6, 4, 2, 6)]
    assert requeue_job(database, Viewer.EVERYONE, job.job_id)
    assert scalar(database, "SELECT count(*) FROM step_rollup") == 0
    assert add_left_out(database) == 0


def test_sums_of_nothing_break_no_view(database: Database, job: ClaimedJob) -> None:
    succeed(database, job)
    execute(database, "UPDATE step_rollup SET num_steps = 0")
    for view in ("acceptance_by_position", "acceptance_by_length", "acceptance_by_threshold"):
        assert set(rows_of(database, f"SELECT step_acceptance FROM {view}")) == {(None,)}


def test_an_end_that_does_not_commit_sums_nothing(database: Database, job: ClaimedJob) -> None:
    """A worker that is killed in the transaction of the end; the leader gives its job to another one."""
    killed = connect(str(database.url.render_as_string(hide_password=False)), pool_size=1)
    execute(database, "ALTER TABLE step_rollup ADD CONSTRAINT dies CHECK (num_steps < 0) NOT VALID")
    with pytest.raises(Exception, match="dies"):
        succeed(killed, job)
    killed.dispose()
    execute(database, "ALTER TABLE step_rollup DROP CONSTRAINT dies")
    assert scalar(database, NUM_STEPS) == 0
    lose_its_worker(database, job)
    assert scalar(database, NUM_STEPS) == len(TRACE)
    assert holds(database)


@pytest.fixture
def crowd(database: Database, writer: TraceWriter) -> tuple[ClaimedJob, ...]:
    """Running jobs of two batches, with steps: as many as end at once below."""
    worker_id = start_worker(database)
    ids: list[UUID] = [*job_ids(database, submit(database, 24)), *job_ids(database, submit(database, 8))]
    jobs = tuple(claimed(database, job_id, worker_id) for job_id in ids)
    for job in jobs:
        write(writer, job)
    return jobs


@pytest.fixture
def many(database_url: str) -> Iterator[Database]:
    """The same database, with a connection for each thread."""
    many = connect(database_url, pool_size=34)
    yield many
    many.dispose()


def test_jobs_that_end_and_are_queued_again_all_at_once_neither_wait_for_ever_nor_lose_a_step(
    database: Database, many: Database, crowd: tuple[ClaimedJob, ...]
) -> None:
    assert len(crowd) == 32
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    batches = {job.batch_id for job in crowd}
    with ThreadPoolExecutor(34) as pool:
        assert all(pool.map(lambda job: finish(many, job, FAILED), crowd))
        assert scalar(database, NUM_STEPS) == len(crowd) * len(TRACE)
        assert scalar(database, "SELECT count(DISTINCT part)::int FROM step_rollup") in range(
            2, NUM_PARTS + 1
        )
        again = [pool.submit(requeue_job, many, Viewer.EVERYONE, job.job_id) for job in crowd]
        whole = [pool.submit(requeue_batch, many, Viewer.EVERYONE, batch_id) for batch_id in batches]
        assert sum(done.result() for done in again) + sum(done.result() for done in whole) == len(crowd)
        assert scalar(database, "SELECT count(*) FROM step_rollup") == 0
        # While some are cancelled one by one, their batch is cancelled as a whole.
        ended = [pool.submit(cancel_job, many, Viewer.EVERYONE, job.job_id) for job in crowd]
        whole = [pool.submit(cancel_batch, many, Viewer.EVERYONE, batch_id) for batch_id in batches]
        assert sum(done.result() for done in ended) + sum(done.result() for done in whole) == len(crowd)
    assert scalar(database, NUM_STEPS) == len(crowd) * len(TRACE)
    assert holds(database)
    assert scalar(database, deadlocks) == 0


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(moves=lists(tuples(integers(0, 2), integers(0, 4), integers(0, 3)), min_size=1, max_size=12))
def test_the_sums_are_those_of_the_ended_jobs_after_any_ends_and_requeues(
    database: Database, writer: TraceWriter, moves: list[tuple[int, int, int]]
) -> None:
    """A move: one of three jobs is run on by some steps and ended in one of the ways, or queued again if it has."""
    execute(database, "TRUNCATE batch, worker, model_pair, event CASCADE")
    ids = job_ids(database, submit(database, 3))
    for place, how, num_new in moves:
        state = scalar(database, f"SELECT state FROM job WHERE id = '{ids[place]}'")
        if state == "queued":
            job = claimed(database, ids[place], start_worker(database))
            steps = [
                accepted(job.first_step + i) if i % 2 else rejected(job.first_step + i)
                for i in range(num_new)
            ]
            asyncio.run(append_all(writer, job, *steps))
            (fail, cancel_it, let_it_be_late, let_it_err, lose_its_worker)[how](database, job)
        else:
            assert requeue_job(database, Viewer.EVERYONE, ids[place])
            execute(database, "UPDATE job SET run_after = now()")
        assert holds(database)
