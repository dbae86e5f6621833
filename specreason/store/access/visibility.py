"""What belongs to whom. A batch has an owner, and its jobs, steps, attempts and events are that owner's.

`sees_only` is the owner whose things the caller may see, None: everyone's. What he may not see is not there.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from specreason.errors import NotFound
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, job


def is_visible(sees_only: str | None) -> ColumnElement[bool]:
    """Condition on rows of `batch`."""
    return true() if sees_only is None else batch.c.owner == sees_only


def require_batch(connection: Connection, batch_id: UUID, sees_only: str | None) -> None:
    """Raise NotFound unless there is such a batch for this caller."""
    here = select(batch.c.id).where(batch.c.id == batch_id, is_visible(sees_only))
    if connection.scalar(here) is None:
        raise no_batch(batch_id)


def require_job(connection: Connection, job_id: UUID, sees_only: str | None) -> None:
    """Raise NotFound unless there is such a job for this caller."""
    of_batch = select(job.c.id).join(batch, batch.c.id == job.c.batch_id)
    if connection.scalar(of_batch.where(job.c.id == job_id, is_visible(sees_only))) is None:
        raise NotFound(f"job: there is none with id {job_id}")


def no_batch(batch_id: UUID) -> NotFound:
    return NotFound(f"batch: there is none with id {batch_id}")
