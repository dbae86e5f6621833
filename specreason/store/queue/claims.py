"""A claim: a worker's right to run a job, which holds as long as the job's fence is the one that the claim raised.

Here is what a worker asks about its claims while jobs run; `jobs` makes them and ends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import now

from specreason.config import RunConfig
from specreason.store.queue.transitions import give_back_jobs, lock_jobs
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import AttemptOutcome, JobState
from specreason.store.tables.views import live_worker
from specreason.submission.chat import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job and the right to run it, as long as its fence is the job's.

    Steps before `first_step` are persisted already: read them with `read_steps` and go on from there. The `messages`
    of a plain problem are one user turn.
    """

    job_id: UUID
    batch_id: UUID
    worker_id: UUID
    fence: int
    attempt: int
    first_step: int
    messages: tuple[Message, ...]
    config: RunConfig
    seed: int
    repeat: int


class Recall(StrEnum):
    """Why a worker must stop a job that it runs."""

    # Stop at once and write nothing: the job was cancelled, has expired, or another worker has claimed it.
    LOST = "lost"
    # Stop after the present step and give the job back.
    PAUSED = "paused"


def recalled(database: Database, claims: Sequence[ClaimedJob]) -> tuple[tuple[ClaimedJob, Recall], ...]:
    """Those of `claims` that must stop, and why. One cheap query, meant to run about once a second."""
    fences = [(claimed.job_id, claimed.fence) for claimed in claims]
    holding = (
        select(job.c.id, job.c.fence, batch.c.paused_at)
        .join(batch, batch.c.id == job.c.batch_id)
        .where(tuple_(job.c.id, job.c.fence).in_(fences), job.c.state == JobState.RUNNING)
    )
    with transaction(database) as connection:
        paused = {(row.id, row.fence): row.paused_at is not None for row in connection.execute(holding)}
    # None: the claim does not hold any more.
    states = [(claimed, paused.get((claimed.job_id, claimed.fence))) for claimed in claims]
    return tuple(
        (claimed, Recall.LOST if is_paused is None else Recall.PAUSED)
        for claimed, is_paused in states
        if is_paused is not False
    )


def is_held(job_id: UUID, fence: int) -> ColumnElement[bool]:
    """The condition on `job` that a claim still holds."""
    return and_(job.c.id == job_id, job.c.fence == fence, job.c.state == JobState.RUNNING)


def claims_of(database: Database, worker_id: UUID) -> tuple[tuple[UUID, int], ...]:
    """Job and fence of every job that runs on this worker, as far as Postgres knows.

    If the worker does not know of one of them, the answer of its `claim` was lost: give that one back with
    `release_claim`, or it runs for ever.
    """
    running = select(job.c.id, job.c.fence).where(
        job.c.worker_id == worker_id, job.c.state == JobState.RUNNING
    )
    with transaction(database) as connection:
        return tuple((row.id, row.fence) for row in connection.execute(running))


def release_claim(database: Database, job_id: UUID, fence: int) -> bool:
    """Give the job back; the attempt does not count against it. False, and no change, if the claim no longer holds."""
    with transaction(database) as connection:
        if not lock_jobs(connection, is_held(job_id, fence)):
            return False
        give_back_jobs(connection, [job_id], outcome=AttemptOutcome.RELEASED)
    return True


def keep_message(database: Database, job_id: UUID, *, worker_id: UUID) -> bool:
    """Record that this worker holds the message of a quarantined job until the job may run alone there.

    Without it the job would soon be announced to other workers, too. False if the job no longer waits, or if another
    worker runs fewer jobs: then the job is announced again, for that worker to take.
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
