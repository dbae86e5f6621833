"""The queue as the monkey sees it before it strikes, read in one transaction; None while Postgres is away."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from specreason.errors import StoreUnavailable
from specreason.store.session import Database, transaction

RUNNING = text(
    """
    SELECT job.id, job.batch_id, job.fence, worker.id AS worker_id, worker.pid,
        EXISTS (SELECT FROM step WHERE step.job_id = job.id) AS has_steps
    FROM job JOIN worker ON worker.id = job.worker_id
    WHERE job.state = 'running'
    ORDER BY job.id
    """
)
QUEUED = text("SELECT id, published_at IS NOT NULL AS announced FROM job WHERE state = 'queued' ORDER BY id")
PAUSED = text("SELECT id FROM batch WHERE paused_at IS NOT NULL")
CANCELLED = text("SELECT id FROM job WHERE state = 'cancelled'")
LIVE = text("SELECT pid, slots FROM worker WHERE stopped_at IS NULL AND lease_expires_at > now() ORDER BY id")


@dataclass(frozen=True, slots=True)
class RunningJob:
    job_id: UUID
    batch_id: UUID
    fence: int
    worker_id: UUID
    pid: int  # of the child that runs it
    has_steps: bool  # at least one is stored


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The queue at one moment. `slots` of each live worker, by its child's pid."""

    running: tuple[RunningJob, ...]
    queued: tuple[UUID, ...]
    announced: tuple[UUID, ...]  # those of the queued whose message was sent
    slots: dict[int, int]
    paused_batches: tuple[UUID, ...]
    cancelled: tuple[UUID, ...]

    def running_on(self, pid: int) -> tuple[RunningJob, ...]:
        return tuple(job for job in self.running if job.pid == pid)

    def free_slots(self, pid: int) -> int:
        return self.slots.get(pid, 0) - len(self.running_on(pid))


def snapshot(database: Database) -> QueueSnapshot | None:
    try:
        with transaction(database) as connection:
            running = connection.execute(RUNNING).all()
            queued = connection.execute(QUEUED).all()
            live = connection.execute(LIVE).all()
            paused = tuple(connection.scalars(PAUSED))
            cancelled = tuple(connection.scalars(CANCELLED))
    except StoreUnavailable:
        return None
    return QueueSnapshot(
        running=tuple(
            RunningJob(row.id, row.batch_id, row.fence, row.worker_id, row.pid, row.has_steps)
            for row in running
        ),
        queued=tuple(row.id for row in queued),
        announced=tuple(row.id for row in queued if row.announced),
        slots={row.pid: row.slots for row in live},
        paused_batches=paused,
        cancelled=cancelled,
    )
