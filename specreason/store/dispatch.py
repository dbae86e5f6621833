"""What the one leading dispatcher does: announce queued jobs, take back those of lost workers.

Knows no broker: it says which jobs to announce, and a message that got lost is due again after a while.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import false, func, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.functions import now

from specreason.errors import StoreUnavailable
from specreason.store.schema import job, worker
from specreason.store.session import Connection, Database, one_line, transaction
from specreason.store.states import AttemptOutcome, JobState
from specreason.store.transitions import end_jobs, one_of_ids, requeue_jobs

# Any numbers that nothing else in this database uses.
LEADER_LOCK = 0x5BEC_0001
PUBLISH_LOCK = 0x5BEC  # with the pair: two publishers at once must not fill the window twice


def take_unpublished(
    database: Database, pair: str, *, window: int = 256, resend_after_s: float | None = None
) -> tuple[UUID, ...]:
    """Jobs to announce now, most urgent first: larger priority, then older batch.

    They count as announced from here on; one that nobody claims within `resend_after_s` is due again, without it
    never. At most `window` jobs of the pair are announced and unclaimed, so that a later urgent job has few
    before it.
    """
    forgotten = (
        false() if resend_after_s is None else job.c.published_at <= now() - timedelta(seconds=resend_after_s)
    )
    queued = (job.c.pair == pair) & (job.c.state == JobState.QUEUED)
    with transaction(database) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(PUBLISH_LOCK, func.hashtext(pair))))
        announced = select(func.count()).where(queued, job.c.published_at.is_not(None), ~forgotten)
        room = window - (connection.scalar(announced) or 0)
        if room <= 0:
            return ()
        due = (
            select(job.c.id)
            .where(queued, job.c.run_after <= now(), or_(job.c.published_at.is_(None), forgotten))
            .order_by(job.c.priority.desc(), job.c.id)
            .limit(room)
            .with_for_update(skip_locked=True)
        )
        job_ids = tuple(connection.scalars(due))
        connection.execute(update(job).where(one_of_ids(job.c.id, job_ids)).values(published_at=now()))
    return job_ids


def expire_leases(database: Database, *, max_lost: int = 3) -> int:
    """Queue the running jobs of workers whose lease ran out; return how many there were.

    A job that was lost `max_lost` times is `dead` instead: it may be what kills the workers.
    """
    lost = (
        select(job.c.id, job.c.num_lost)
        .join(worker, worker.c.id == job.c.worker_id)
        .where(job.c.state == JobState.RUNNING, worker.c.lease_expires_at <= now())
        .order_by(job.c.id)
        .with_for_update(of=job, skip_locked=True)
    )
    with transaction(database) as connection:
        rows = connection.execute(lost).all()
        if not rows:
            return 0
        job_ids = [row.id for row in rows]
        connection.execute(
            update(job).where(one_of_ids(job.c.id, job_ids)).values(num_lost=job.c.num_lost + 1)
        )
        fatal = [row.id for row in rows if row.num_lost + 1 >= max_lost]
        end_jobs(
            connection,
            fatal,
            state=JobState.DEAD,
            outcome=AttemptOutcome.LOST,
            error=f"{max_lost} workers were lost while they ran this job",
        )
        requeue_jobs(
            connection, [job_id for job_id in job_ids if job_id not in fatal], outcome=AttemptOutcome.LOST
        )
    return len(job_ids)


class Leadership:
    """Held by at most one process. It ends with its connection, so that a leader who dies is replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def try_lead(self) -> bool:
        """Whether we lead, now or still. Call before each round; raises StoreUnavailable."""
        try:
            if self._connection is not None:
                self._connection.execute(select(1))
                return True
            connection = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.scalar(select(func.pg_try_advisory_lock(LEADER_LOCK))):
                self._connection = connection
                return True
            connection.close()
        except DBAPIError as error:
            self.close()
            raise StoreUnavailable(f"database: {one_line(error)}") from error
        return False

    def close(self) -> None:
        """Stop leading. The lock belongs to the connection, so that one is closed and not pooled."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
