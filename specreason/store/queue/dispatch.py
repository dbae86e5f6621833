"""The duties of the leader: announce queued jobs, queue the jobs of lost workers again, end jobs after their deadline.

This module knows no broker: it selects the jobs to announce. A job whose message was lost is due again after a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.functions import now

from specreason.errors import StoreUnavailable
from specreason.reasoning.steps import StopReason
from specreason.store.locks import Lock, try_lock_connection, wait_for
from specreason.store.queue.fairness import advance_clock
from specreason.store.queue.transitions import end_jobs, give_back_jobs
from specreason.store.session import Connection, Database, one_line, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import event, job, worker
from specreason.store.tables.states import AttemptOutcome, EventKind, JobState

MESSAGES_PER_SLOT = 2


def window_of(slots: int, *, most: int) -> int:
    """The most messages for workers with `slots` slots: enough for no slot to wait, few before an urgent job."""
    return min(most, MESSAGES_PER_SLOT * slots)


def take_unannounced(
    database: Database,
    pair: str,
    *,
    window: int = 256,
    messages: Sequence[UUID | None] = (),
    lost_after_s: float | None = None,
) -> tuple[UUID, ...]:
    """Jobs to announce now, most urgent first: larger priority, then smaller turn (see `fairness`).

    They count as announced from now on. At most `window` jobs of the pair are announced and unclaimed, so that few
    stand before a later urgent job. `messages` are the messages in the broker's queue: the job of each, None for a
    message of another program; the queue, too, holds no more than a window. A job has lost its message if it was
    announced `lost_after_s` ago, was not claimed, and is not in `messages`; it is due again.
    """
    waiting = (job.c.pair == pair) & (job.c.state == JobState.QUEUED) & ~job.c.paused
    announced = waiting & job.c.published_at.is_not(None)
    has_message = one_of_ids(job.c.id, {job_id for job_id in messages if job_id is not None})
    due = (
        select(job.c.id)
        .where(waiting, job.c.published_at.is_(None), job.c.run_after <= now(), ~has_message)
        .order_by(job.c.priority.desc(), job.c.turn, job.c.id)
        .with_for_update(skip_locked=True)
    )
    with transaction(database) as connection:
        wait_for(connection, Lock.ANNOUNCING, pair)
        if lost_after_s is not None:
            long_ago = job.c.published_at <= now() - timedelta(seconds=lost_after_s)
            _forget(
                connection,
                connection.scalars(select(job.c.id).where(announced, long_ago, ~has_message)).all(),
            )
        room = window - (connection.scalar(select(func.count()).where(announced)) or 0)
        room = min(room, window - len(messages))
        if room <= 0:
            return ()
        job_ids = tuple(connection.scalars(due.limit(room)))
        if job_ids:
            connection.execute(update(job).where(one_of_ids(job.c.id, job_ids)).values(published_at=now()))
            advance_clock(connection, job_ids)
    return job_ids


def _forget(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Count these jobs as not announced, except those that are being claimed at this moment."""
    if job_ids:
        still = (job.c.state == JobState.QUEUED) & one_of_ids(job.c.id, job_ids)
        free = select(job.c.id).where(still).with_for_update(skip_locked=True)
        locked = connection.scalars(free).all()
        connection.execute(update(job).where(one_of_ids(job.c.id, locked)).values(published_at=None))


def expire_leases(database: Database, *, max_lost: int = 3, not_after: datetime | None = None) -> int:
    """Queue the running jobs of workers whose lease has run out; return how many there were.

    Does nothing after `not_after`: then Postgres or all machines stood still since the leader's last round, and the
    workers get time to renew their leases.

    A worker whose lease has run out is lost: it cannot renew the lease any more. A job that was lost `max_lost` times
    runs alone the next time, which shows whether this job kills the workers; lost again, it is `dead`.
    """
    silent = worker.c.lease_expires_at <= now()
    left_behind = (
        select(job.c.id, job.c.num_lost)
        .where(job.c.state == JobState.RUNNING)
        .order_by(job.c.id)
        .with_for_update(skip_locked=True)
    )
    with transaction(database) as connection:
        if not_after is not None and connection.execute(select(now())).scalar_one() > not_after:
            return 0
        lost = connection.scalars(
            update(worker)
            .where(silent, worker.c.stopped_at.is_(None))
            .values(stopped_at=now())
            .returning(worker.c.id)
        ).all()
        if lost:
            events = [{"kind": EventKind.WORKER_LOST, "worker_id": worker_id} for worker_id in lost]
            connection.execute(insert(event), events)
        workers = select(worker.c.id).where(silent)
        rows = connection.execute(left_behind.where(job.c.worker_id.in_(workers))).all()
        if not rows:
            return 0
        job_ids = [row.id for row in rows]
        times = job.c.num_lost + 1
        connection.execute(
            update(job).where(one_of_ids(job.c.id, job_ids)).values(num_lost=times, alone=times >= max_lost)
        )
        fatal = [row.id for row in rows if row.num_lost >= max_lost]
        end_jobs(
            connection,
            fatal,
            state=JobState.DEAD,
            outcome=AttemptOutcome.LOST,
            error=f"{max_lost + 1} workers were lost while they ran this job, the last with this job alone",
        )
        give_back_jobs(
            connection, [job_id for job_id in job_ids if job_id not in fatal], outcome=AttemptOutcome.LOST
        )
    return len(job_ids)


def expire_deadlines(database: Database, *, limit: int = 1000) -> int:
    """End jobs whose deadline has passed, at most `limit` of them; return how many there were."""
    late = (
        select(job.c.id)
        .where(job.c.state.in_([JobState.QUEUED, JobState.RUNNING]), job.c.deadline_at <= now())
        .order_by(job.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with transaction(database) as connection:
        job_ids = tuple(connection.scalars(late))
        end_jobs(
            connection,
            job_ids,
            state=JobState.EXPIRED,
            outcome=AttemptOutcome.EXPIRED,
            stop_reason=StopReason.DEADLINE,
        )
    return len(job_ids)


class Leadership:
    """The right to lead, which at most one process has. It ends with its connection, so that a dead leader is replaced.

    A leader that is frozen or cut off is replaced as well: Postgres ends its connection after `silent_s` of silence.
    """

    def __init__(self, database: Database, *, silent_s: float = 15.0) -> None:
        self._database = database
        self._silent_ms = str(round(1000 * silent_s))
        self._connection: Connection | None = None

    def try_lead(self) -> datetime | None:
        """Postgres's time if this process leads, else None. Call it before each round. Raises StoreUnavailable."""
        try:
            if self._connection is None:
                connection = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not try_lock_connection(connection, Lock.LEADER):
                    connection.close()
                    return None
                self._connection = connection
                connection.execute(select(func.set_config("idle_session_timeout", self._silent_ms, False)))
            return self._connection.scalar(select(now()))
        except DBAPIError as error:
            self.close()
            raise StoreUnavailable(f"database: {one_line(error)}") from error

    def close(self) -> None:
        """Stop leading. The connection is closed and not returned to the pool, because the lock belongs to it."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
