"""What a worker does to a job: claim it, then finish it, fail it for now, or give it back.

A claim raises the job's fence. Every later call names that fence and does nothing if the job has moved on: it
was cancelled, or its lease ran out and someone else has it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import now

from specreason.config import RunConfig, first_invalid_field
from specreason.reasoning.steps import StopReason
from specreason.store.queue.fairness import restart_after_failure
from specreason.store.queue.transitions import end_jobs, lock_jobs, requeue_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import attempt, batch, event, job, problem
from specreason.store.tables.states import AttemptOutcome, EventKind, JobState
from specreason.store.tables.trace import step
from specreason.store.tables.views import live_worker

LONGEST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job and the right to run it, as long as its fence is the job's.

    Steps before `first_step` are persisted already: read them with `read_steps` and go on from there.
    """

    job_id: UUID
    batch_id: UUID
    worker_id: UUID
    fence: int
    attempt: int
    first_step: int
    problem: str
    config: RunConfig
    seed: int
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How a run ended. `answer` is what was extracted, not yet graded; `error` says why a job `failed`."""

    state: JobState
    stop_reason: StopReason | None = None
    answer: str | None = None
    error: str | None = None


class LeaseExpired(Exception):
    """This worker's lease has run out. Unless someone has noticed, it is renewed soon: try again."""


class Quarantined(Exception):
    """The job may be what kills workers: claim it when nothing else runs here, with `in_flight` 1."""


def claim(
    database: Database, job_id: UUID, *, worker_id: UUID, pair_fingerprint: str, in_flight: int = 1
) -> ClaimedJob | None:
    """Take a queued job for this worker; None if it is not there to be taken.

    `in_flight` is the number of jobs on this worker, this one included. A job whose steps came from another
    pair fingerprint ends `failed` here, and so does one whose configuration this version cannot read.
    Raises Quarantined or LeaseExpired, and takes nothing. After StoreUnavailable the job may be taken all the same:
    see `claims_of`.
    """
    with transaction(database) as connection:
        row = _lock_claimable(connection, job_id)
        if row is None:
            return None
        # Read now that the row is locked: what the lock waited for may have changed either.
        is_paused, is_alive = connection.execute(
            select(
                exists().where(batch.c.id == row.batch_id, batch.c.paused_at.is_not(None)),
                exists().where(live_worker.c.id == worker_id),
            )
        ).one()
        if not is_alive:
            raise LeaseExpired
        if is_paused:  # given back while the batch was being paused, and about to be marked
            return None
        if row.alone and in_flight > 1:
            raise Quarantined
        # The lock is ours: whoever wrote steps under an older fence has committed or will be refused.
        first_step = connection.scalar(select(func.count()).where(step.c.job_id == job_id)) or 0
        connection.execute(
            update(job)
            .where(job.c.id == job_id)
            .values(
                state=JobState.RUNNING,
                fence=job.c.fence + 1,
                num_attempts=job.c.num_attempts + 1,
                worker_id=worker_id,
                pair_fingerprint=pair_fingerprint if first_step == 0 else job.c.pair_fingerprint,
                started_at=func.coalesce(job.c.started_at, now()),
                concurrency=in_flight,
                resumed=first_step > 0,
            )
        )
        connection.execute(
            insert(attempt).values(
                job_id=job_id,
                number=row.num_attempts + 1,
                fence=row.fence + 1,
                worker_id=worker_id,
                first_step=first_step,
            )
        )
        connection.execute(
            insert(event).values(
                batch_id=row.batch_id,
                job_id=job_id,
                worker_id=worker_id,
                kind=EventKind.JOB_CLAIMED,
                state=JobState.RUNNING,
            )
        )
        if first_step and row.pair_fingerprint != pair_fingerprint:
            error = (
                f"pair: the first {first_step} steps were written under fingerprint {row.pair_fingerprint},"
                f" this worker's is {pair_fingerprint}; two models are never mixed in one trace"
            )
            _fail(connection, job_id, error)
            return None
        try:
            config = RunConfig.model_validate(row.config)
        except ValidationError as invalid:
            _fail(connection, job_id, str(first_invalid_field(invalid, prefix="config.")))
            return None
    return ClaimedJob(
        job_id=job_id,
        batch_id=row.batch_id,
        worker_id=worker_id,
        fence=row.fence + 1,
        attempt=row.num_attempts + 1,
        first_step=first_step,
        problem=row.text,
        config=config,
        seed=row.seed,
        repeat=row.repeat,
    )


def finish(database: Database, claimed: ClaimedJob, result: JobResult) -> bool:
    """End the job, with totals summed from its step rows. False, and no change, if the claim no longer holds.

    Call after the sink's `flush`: the totals are those of the steps that are durable.
    """
    with transaction(database) as connection:
        if not lock_jobs(connection, _held(claimed.job_id, claimed.fence)):
            return False
        end_jobs(
            connection,
            [claimed.job_id],
            state=result.state,
            outcome=AttemptOutcome(result.state.value),
            stop_reason=result.stop_reason,
            answer=result.answer,
            error=result.error,
        )
    return True


def release(database: Database, claimed: ClaimedJob) -> bool:
    """Give the job back in good order; the attempt does not count against it. False as in `finish`."""
    return release_claim(database, claimed.job_id, claimed.fence)


def claims_of(database: Database, worker_id: UUID) -> tuple[tuple[UUID, int], ...]:
    """Job and fence of every job that runs on this worker, as far as Postgres knows.

    One that the worker does not know of was taken by a `claim` whose answer got lost: `release_claim` it, or it runs
    for ever.
    """
    running = select(job.c.id, job.c.fence).where(
        job.c.worker_id == worker_id, job.c.state == JobState.RUNNING
    )
    with transaction(database) as connection:
        return tuple((row.id, row.fence) for row in connection.execute(running))


def release_claim(database: Database, job_id: UUID, fence: int) -> bool:
    """`release` by job and fence."""
    with transaction(database) as connection:
        if not lock_jobs(connection, _held(job_id, fence)):
            return False
        requeue_jobs(connection, [job_id], outcome=AttemptOutcome.RELEASED)
    return True


def keep_message(database: Database, job_id: UUID, *, worker_id: UUID) -> bool:
    """Say that the job's message is in this worker's hands, and waits until the job may run alone there.

    Unsaid, the job would soon be announced to others, too. False if it is no longer worth waiting for, or if another
    worker has less to do: then the job is announced again, for that one to take.
    """
    waiting = (job.c.id == job_id) & (job.c.state == JobState.QUEUED) & ~job.c.paused & job.c.alone
    others = (live_worker.c.pair == job.c.pair) & (live_worker.c.id != worker_id)
    is_freer = exists().where(others, _num_running(live_worker.c.id) < _num_running(literal(worker_id)))
    kept = update(job).where(waiting).values(published_at=case((is_freer, null()), else_=now()))
    with transaction(database) as connection:
        published_at = connection.execute(kept.returning(job.c.published_at)).scalar_one_or_none()
    return published_at is not None


def _num_running(worker_id: ColumnElement[UUID]) -> ScalarSelect[int]:
    theirs = job.alias()
    running = (theirs.c.worker_id == worker_id) & (theirs.c.state == JobState.RUNNING)
    return select(func.count()).select_from(theirs).where(running).scalar_subquery()


def retry(
    database: Database, claimed: ClaimedJob, error: str, *, max_attempts: int = 3, delay_s: float = 2.0
) -> bool:
    """Queue the job again after a transient error; `dead` after `max_attempts` errors. False as in `finish`.

    The delay doubles with each error of this job, up to a minute; half of it is left to chance, so that jobs that
    failed together do not come back together.
    """
    with transaction(database) as connection:
        if not lock_jobs(connection, _held(claimed.job_id, claimed.fence)):
            return False
        counted = update(job).where(job.c.id == claimed.job_id).values(num_errors=job.c.num_errors + 1)
        num_errors: int = connection.execute(counted.returning(job.c.num_errors)).scalar_one()
        if num_errors >= max_attempts:
            end_jobs(
                connection, [claimed.job_id], state=JobState.DEAD, outcome=AttemptOutcome.ERROR, error=error
            )
        else:
            longest = min(LONGEST_DELAY_S, delay_s * 2 ** (num_errors - 1))
            requeue_jobs(
                connection,
                [claimed.job_id],
                outcome=AttemptOutcome.ERROR,
                error=error,
                delay_s=longest * random.uniform(0.5, 1),
            )
            restart_after_failure(connection, claimed.job_id)
    return True


class Recall(StrEnum):
    """Why a worker must stop a job that it runs."""

    LOST = "lost"  # at once, and write nothing: cancelled, expired, or claimed by someone else
    PAUSED = "paused"  # at the next step, and give it back


def recalled(database: Database, claims: Sequence[ClaimedJob]) -> tuple[tuple[ClaimedJob, Recall], ...]:
    """Those of `claims` that must stop, and why. One cheap query, to be asked every second or so."""
    fences = [(claimed.job_id, claimed.fence) for claimed in claims]
    holding = (
        select(job.c.id, job.c.fence, batch.c.paused_at)
        .join(batch, batch.c.id == job.c.batch_id)
        .where(tuple_(job.c.id, job.c.fence).in_(fences), job.c.state == JobState.RUNNING)
    )
    with transaction(database) as connection:
        paused = {(row.id, row.fence): row.paused_at is not None for row in connection.execute(holding)}
    stands = [(claimed, paused.get((claimed.job_id, claimed.fence))) for claimed in claims]
    return tuple(
        (claimed, Recall.LOST if is_paused is None else Recall.PAUSED)
        for claimed, is_paused in stands
        if is_paused is not False
    )


def _lock_claimable(connection: Connection, job_id: UUID) -> Row[*tuple[object, ...]] | None:
    return connection.execute(
        select(job, problem.c.text, batch.c.config)
        .join(problem, problem.c.id == job.c.problem_id)
        .join(batch, batch.c.id == job.c.batch_id)
        .where(job.c.id == job_id, job.c.state == JobState.QUEUED, job.c.paused.is_(False))
        .where(job.c.run_after <= now(), or_(job.c.deadline_at.is_(None), job.c.deadline_at > now()))
        .with_for_update(of=job)
    ).one_or_none()


def _held(job_id: UUID, fence: int) -> ColumnElement[bool]:
    return and_(job.c.id == job_id, job.c.fence == fence, job.c.state == JobState.RUNNING)


def _fail(connection: Connection, job_id: UUID, error: str) -> None:
    end_jobs(connection, [job_id], state=JobState.FAILED, outcome=AttemptOutcome.FAILED, error=error)
