"""Claims, finishes, retries and releases jobs, for a worker.

A claim raises the job's fence. Every later call names that fence and does nothing if the job has moved on: it
was cancelled, or its lease ran out and another worker has it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, exists, func, insert, or_, select, update
from sqlalchemy.sql.functions import now

from specreason.config import RunConfig
from specreason.errors import PermanentJobError
from specreason.reasoning.steps import StopReason
from specreason.store.queue.claims import ClaimedJob, is_held, release_claim
from specreason.store.queue.fairness import restart_after_failure
from specreason.store.queue.transitions import end_jobs, give_back_jobs, lock_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import attempt, batch, event, job, problem
from specreason.store.tables.states import AttemptOutcome, EventKind, JobState
from specreason.store.tables.trace import step
from specreason.store.tables.views import live_worker
from specreason.submission.chat import stored_messages
from specreason.validation import first_invalid_field
from specreason.words import counted

LONGEST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How a run ended. `answer` is what was extracted, not yet graded; `error` says why a job `failed`.

    `store_s` are the seconds that the run waited until its steps were stored, `mean_concurrency` the mean number of
    jobs in flight meanwhile; None: not measured.
    """

    state: JobState
    stop_reason: StopReason | None = None
    answer: str | None = None
    error: str | None = None
    store_s: float | None = None
    mean_concurrency: float | None = None


class LeaseExpired(Exception):
    """This worker's lease has run out. It is renewed soon, unless the leader has ended it: try again."""


class Quarantined(Exception):
    """The job may be the one that kills workers: claim it when nothing else runs here, with `in_flight` 1."""


def claim(
    database: Database,
    job_id: UUID,
    *,
    worker_id: UUID,
    pair_fingerprint: str,
    in_flight: int = 1,
    admission_s: float = 0.0,
) -> ClaimedJob | None:
    """Take a queued job for this worker; None if the job cannot be taken now or is not queued.

    `in_flight` is the number of jobs on this worker, this one included; `admission_s` are the seconds for which it had
    no room for the job. A job ends `failed` here if its steps came
    from another pair fingerprint, or if this version cannot read its configuration.
    Raises Quarantined or LeaseExpired, and takes nothing. After StoreUnavailable the job may be taken nevertheless:
    see `claims_of`.
    """
    with transaction(database) as connection:
        row = _lock_claimable(connection, job_id)
        if row is None or not _may_start(connection, row, worker_id, in_flight):
            return None
        first_step = _take(
            connection, row, worker_id, pair_fingerprint, in_flight=in_flight, admission_s=admission_s
        )
        try:
            config = _readable(row, first_step, pair_fingerprint)
        except PermanentJobError as error:
            end_jobs(
                connection, [job_id], state=JobState.FAILED, outcome=AttemptOutcome.FAILED, error=str(error)
            )
            return None
    return ClaimedJob(
        job_id=job_id,
        batch_id=row.batch_id,
        worker_id=worker_id,
        fence=row.fence + 1,
        attempt=row.num_attempts + 1,
        first_step=first_step,
        messages=stored_messages(row.text, row.messages),
        config=config,
        seed=row.seed,
        repeat=row.repeat,
    )


def _lock_claimable(connection: Connection, job_id: UUID) -> Row[*tuple[object, ...]] | None:
    return connection.execute(
        select(job, problem.c.text, problem.c.messages, batch.c.config)
        .join(problem, problem.c.id == job.c.problem_id)
        .join(batch, batch.c.id == job.c.batch_id)
        .where(job.c.id == job_id, job.c.state == JobState.QUEUED, job.c.paused.is_(False))
        .where(job.c.run_after <= now(), or_(job.c.deadline_at.is_(None), job.c.deadline_at > now()))
        .with_for_update(of=job)
    ).one_or_none()


def _may_start(
    connection: Connection, row: Row[*tuple[object, ...]], worker_id: UUID, in_flight: int
) -> bool:
    """Whether the locked job may start on this worker: read after the lock, as both may change while it is awaited."""
    is_paused, is_alive = connection.execute(
        select(
            exists().where(batch.c.id == row.batch_id, batch.c.paused_at.is_not(None)),
            exists().where(live_worker.c.id == worker_id),
        )
    ).one()
    if not is_alive:
        raise LeaseExpired
    # The job was given back while its batch was being paused, and is about to be marked.
    if is_paused:
        return False
    if row.alone and in_flight > 1:
        raise Quarantined
    return True


def _take(
    connection: Connection,
    row: Row[*tuple[object, ...]],
    worker_id: UUID,
    pair_fingerprint: str,
    *,
    in_flight: int,
    admission_s: float,
) -> int:
    """Make the locked job this worker's, with its attempt and event; the number of steps it has already."""
    # This transaction holds the lock: a writer under an older fence has committed or will be refused.
    first_step = connection.scalar(select(func.count()).where(step.c.job_id == row.id)) or 0
    connection.execute(
        update(job)
        .where(job.c.id == row.id)
        .values(
            state=JobState.RUNNING,
            fence=job.c.fence + 1,
            num_attempts=job.c.num_attempts + 1,
            worker_id=worker_id,
            pair_fingerprint=pair_fingerprint if first_step == 0 else job.c.pair_fingerprint,
            started_at=func.coalesce(job.c.started_at, now()),
            concurrency=in_flight,
            admission_s=admission_s,
            resumed=first_step > 0,
        )
    )
    connection.execute(
        insert(attempt).values(
            job_id=row.id,
            number=row.num_attempts + 1,
            fence=row.fence + 1,
            worker_id=worker_id,
            first_step=first_step,
        )
    )
    connection.execute(
        insert(event).values(
            batch_id=row.batch_id,
            job_id=row.id,
            worker_id=worker_id,
            kind=EventKind.JOB_CLAIMED,
            state=JobState.RUNNING,
        )
    )
    return first_step


def _readable(row: Row[*tuple[object, ...]], first_step: int, pair_fingerprint: str) -> RunConfig:
    """The job's configuration. PermanentJobError if no worker of this pair and version can run the job."""
    if first_step and row.pair_fingerprint != pair_fingerprint:
        raise PermanentJobError(
            f"pair: {counted(first_step, 'step')} of this job came from fingerprint {row.pair_fingerprint},"
            f" and this worker's is {pair_fingerprint}; two models are never mixed in one trace"
        )
    try:
        return RunConfig.model_validate(row.config)
    except ValidationError as invalid:
        raise PermanentJobError(str(first_invalid_field(invalid, prefix="config."))) from invalid


def finish(database: Database, claimed: ClaimedJob, result: JobResult) -> bool:
    """End the job, with totals summed from its step rows. False, and no change, if the claim no longer holds.

    Call after the sink's `flush`: the totals are those of the steps that are durable.
    """
    with transaction(database) as connection:
        if not lock_jobs(connection, is_held(claimed.job_id, claimed.fence)):
            return False
        end_jobs(
            connection,
            [claimed.job_id],
            state=result.state,
            outcome=AttemptOutcome(result.state.value),
            stop_reason=result.stop_reason,
            answer=result.answer,
            error=result.error,
            store_s=result.store_s,
            mean_concurrency=result.mean_concurrency,
        )
    return True


def release(database: Database, claimed: ClaimedJob) -> bool:
    """Give the job back in good order; the attempt does not count against it. False as in `finish`."""
    return release_claim(database, claimed.job_id, claimed.fence)


def retry(
    database: Database, claimed: ClaimedJob, error: str, *, max_attempts: int = 3, delay_s: float = 2.0
) -> bool:
    """Queue the job again after a transient error; `dead` after `max_attempts` errors. False as in `finish`.

    The delay doubles with each error of this job, up to a minute. Half of it is random, so that jobs that failed
    together do not return together.
    """
    with transaction(database) as connection:
        if not lock_jobs(connection, is_held(claimed.job_id, claimed.fence)):
            return False
        counted = update(job).where(job.c.id == claimed.job_id).values(num_errors=job.c.num_errors + 1)
        num_errors: int = connection.execute(counted.returning(job.c.num_errors)).scalar_one()
        if num_errors >= max_attempts:
            end_jobs(
                connection, [claimed.job_id], state=JobState.DEAD, outcome=AttemptOutcome.ERROR, error=error
            )
        else:
            longest = min(LONGEST_DELAY_S, delay_s * 2 ** (num_errors - 1))
            give_back_jobs(
                connection,
                [claimed.job_id],
                outcome=AttemptOutcome.ERROR,
                error=error,
                delay_s=longest * random.uniform(0.5, 1),
            )
            restart_after_failure(connection, claimed.job_id)
    return True
