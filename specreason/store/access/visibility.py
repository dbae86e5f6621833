"""Ownership: which rows a viewer may see.

A batch has an owner, and its jobs, steps, attempts and events are that owner's.
Every function of the store that reads or changes something for a user takes a `Viewer`. Rows that the viewer may not
see are reported as missing. Only administrators see the rows that have no owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from specreason.errors import NotFound
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, job


@dataclass(frozen=True, slots=True)
class Viewer:
    """The owner whose rows may be read, or everyone. Made by `of`, or `EVERYONE`."""

    _owner: str
    _sees_all: bool = False

    EVERYONE: ClassVar[Viewer]  # an administrator's view, and that of our own processes

    def __post_init__(self) -> None:
        if not (self._owner or self._sees_all):
            raise ValueError("a viewer needs an owner; Viewer.EVERYONE sees every row")

    @classmethod
    def of(cls, owner: str) -> Viewer:
        """Sees what `owner` owns, and nothing else. Raises ValueError without an owner."""
        return cls(owner)

    def sees(self, owner: ColumnElement[str]) -> ColumnElement[bool]:
        """Condition on rows of a table with an `owner`."""
        return true() if self._sees_all else owner == self._owner


Viewer.EVERYONE = Viewer("", _sees_all=True)


def require_batch(connection: Connection, viewer: Viewer, batch_id: UUID) -> None:
    """Raise NotFound unless the viewer sees such a batch."""
    here = select(batch.c.id).where(batch.c.id == batch_id, viewer.sees(batch.c.owner))
    if connection.scalar(here) is None:
        raise no_batch(batch_id)


def require_job(connection: Connection, viewer: Viewer, job_id: UUID) -> None:
    """Raise NotFound unless the viewer sees such a job."""
    of_batch = select(job.c.id).join(batch, batch.c.id == job.c.batch_id)
    if connection.scalar(of_batch.where(job.c.id == job_id, viewer.sees(batch.c.owner))) is None:
        raise NotFound(f"job: there is none with id {job_id}")


def no_batch(batch_id: UUID) -> NotFound:
    return NotFound(f"batch: there is none with id {batch_id}")
