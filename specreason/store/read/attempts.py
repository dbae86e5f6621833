"""Reads the attempts at a job: the worker, the time, the first step and the outcome of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from specreason.store.access.visibility import Viewer, require_job
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import attempt
from specreason.store.tables.states import AttemptOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt. It began with step `first_step`. `outcome` is None until it ends."""

    number: int
    fence: int
    worker_id: UUID
    first_step: int
    started_at: datetime
    ended_at: datetime | None
    outcome: AttemptOutcome | None
    error: str | None


def read_attempts(
    database: Database, viewer: Viewer, job_id: UUID, *, after: int = 0, limit: int = 100
) -> tuple[AttemptRow, ...]:
    """A page of a job's attempts in order: at most `limit`, with numbers above `after`.

    Raises NotFound.
    """
    page = select(attempt).where(attempt.c.job_id == job_id, attempt.c.number > after)
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        rows = connection.execute(page.order_by(attempt.c.number).limit(limit)).all()
    return tuple(
        AttemptRow(
            number=row.number,
            fence=row.fence,
            worker_id=row.worker_id,
            first_step=row.first_step,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=AttemptOutcome(row.outcome) if row.outcome is not None else None,
            error=row.error,
        )
        for row in rows
    )
