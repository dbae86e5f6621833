"""Reads workers from the view `worker_summary`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from specreason.store.session import Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import worker
from specreason.store.tables.views import live_worker, view_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSummary:
    """One row of `worker_summary`, with its columns as fields; `\\d+ worker_summary` explains each."""

    worker_id: UUID
    pair: str
    pair_fingerprint: str
    host: str
    pid: int
    gpu: str | None
    alive: bool
    slots: int
    num_running: int
    num_attempts: int
    num_lost: int
    started_at: datetime
    heartbeat_at: datetime
    lease_expires_at: datetime
    stopped_at: datetime | None


worker_summary = view_of("worker_summary", WorkerSummary)


def list_workers(database: Database, *, limit: int = 100) -> tuple[WorkerSummary, ...]:
    """At most `limit` workers: the live ones first, then the newest of the others.

    A supervisor that restarts its child registers a new worker each time.
    """
    alive = worker.c.id.in_(select(live_worker.c.id))
    with transaction(database) as connection:
        # The ids come first, so that only these are summed up: a child that keeps failing leaves many workers.
        ids = connection.scalars(
            select(worker.c.id).order_by(alive.desc(), worker.c.id.desc()).limit(limit)
        ).all()
        shown = select(worker_summary).where(one_of_ids(worker_summary.c.worker_id, ids))
        rows = connection.execute(
            shown.order_by(worker_summary.c.alive.desc(), worker_summary.c.worker_id.desc())
        ).all()
    return tuple(WorkerSummary(**row._mapping) for row in rows)
