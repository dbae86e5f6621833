"""Reads the event log as it grows. A reader that continues after the last id it has seen misses no event.

Postgres gives an id when a row is written and shows the row when its transaction commits, so a larger id can appear
before a smaller one. Events are therefore read up to a high-water mark: no event at or below it can still appear. A
transaction that writes events holds a lock on the table until its rows are visible. When every transaction that held
such a lock while the sequence stood at an id has ended, that id is the new mark.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, text

from specreason.store.access.visibility import Viewer, require_batch, require_job
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import batch, event, job
from specreason.store.tables.states import OPEN, AttemptOutcome, EventKind, JobState

POLL_EVERY_S = 0.25

LAST_ID = text("SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('event', 'id')::regclass), 0)")
WRITERS = text("""
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = 'event'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One change. `state` is the new state of the job, `outcome` that of the attempt which the change ended."""

    id: int
    kind: EventKind
    batch_id: UUID | None
    job_id: UUID | None
    worker_id: UUID | None
    state: JobState | None
    outcome: AttemptOutcome | None
    detail: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A batch, with the events of all its jobs, or one job. Exactly one of the two ids is set."""

    batch_id: UUID | None = None
    job_id: UUID | None = None


class HighWaterMark:
    """The high-water mark, for all readers of one process. It asks Postgres four times a second at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._polled_at = float("-inf")
        self._mark = 0
        self._next_mark = 0  # the mark once the transactions below have ended
        self._writers: frozenset[str] = frozenset()

    def latest(self) -> int:
        """No event with this id or a smaller one will appear any more."""
        with self._lock:
            if time.monotonic() >= self._polled_at + POLL_EVERY_S:
                self._poll()
                self._polled_at = time.monotonic()
            return self._mark

    def _poll(self) -> None:
        with transaction(self._database) as connection:
            last_id = connection.scalar(LAST_ID) or 0  # before the writers: a later writer gets larger ids
            writers = frozenset(connection.scalars(WRITERS))
        self._writers &= writers
        if not self._writers:
            self._mark = last_id if not writers else self._next_mark
            self._next_mark, self._writers = last_id, writers


def newest_id(database: Database) -> int:
    """The id that was given last, 0 before the first. Events at or below it may still appear."""
    with transaction(database) as connection:
        return connection.scalar(LAST_ID) or 0


def read_events(
    database: Database, viewer: Viewer, subject: Subject, *, after: int, up_to: int, limit: int = 500
) -> tuple[EventRow, ...]:
    """At most `limit` of the subject's events, in order, with ids above `after` and up to `up_to`."""
    page = select(event).where(event.c.id > after, event.c.id <= up_to, _of(viewer, subject))
    with transaction(database) as connection:
        rows = connection.execute(page.order_by(event.c.id).limit(limit)).all()
    return tuple(
        EventRow(
            id=row.id,
            kind=EventKind(row.kind),
            batch_id=row.batch_id,
            job_id=row.job_id,
            worker_id=row.worker_id,
            state=JobState(row.state) if row.state is not None else None,
            outcome=AttemptOutcome(row.outcome) if row.outcome is not None else None,
            detail=row.detail,
            created_at=row.created_at,
        )
        for row in rows
    )


def require_subject(database: Database, viewer: Viewer, subject: Subject) -> None:
    """Raise NotFound unless the viewer sees the batch or job."""
    with transaction(database) as connection:
        if subject.batch_id is not None:
            require_batch(connection, viewer, subject.batch_id)
        if subject.job_id is not None:
            require_job(connection, viewer, subject.job_id)


def last_event_id(database: Database, viewer: Viewer, subject: Subject) -> int | None:
    """The id of the subject's last event if all its jobs have ended, 0 if it has no event; None while a job is open."""
    jobs = job.c.batch_id == subject.batch_id if subject.batch_id is not None else job.c.id == subject.job_id
    seen = viewer.sees(_owner_of(job.c.batch_id))
    unended = select(job.c.id).where(jobs, seen, job.c.state.in_(OPEN)).limit(1).scalar_subquery()
    last = select(func.max(event.c.id)).where(_of(viewer, subject)).scalar_subquery()
    with transaction(database) as connection:
        open_job, last_id = connection.execute(select(unended, last)).one()
    return None if open_job is not None else last_id or 0


def _of(viewer: Viewer, subject: Subject) -> ColumnElement[bool]:
    seen = viewer.sees(_owner_of(event.c.batch_id))
    if subject.batch_id is not None:
        return and_(event.c.batch_id == subject.batch_id, seen)
    return and_(event.c.job_id == subject.job_id, seen)


def _owner_of(batch_id: ColumnElement[UUID]) -> ColumnElement[str]:
    return select(batch.c.owner).where(batch.c.id == batch_id).scalar_subquery()
