"""Reads how much a deployment has to do now."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from specreason.store.read.workers import WorkerSummary, list_workers
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import job
from specreason.store.tables.states import OPEN, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The live workers, and the jobs of all owners that have not ended."""

    workers: tuple[WorkerSummary, ...]
    num_queued: int
    num_running: int


def current_load(database: Database) -> Load:
    """Read the load. Raises StoreUnavailable."""
    counts = select(job.c.state, func.count()).where(job.c.state.in_(OPEN)).group_by(job.c.state)
    with transaction(database) as connection:
        num_in = {state: int(number) for state, number in connection.execute(counts)}
    return Load(
        workers=tuple(worker for worker in list_workers(database) if worker.alive),
        num_queued=num_in.get(JobState.QUEUED, 0),
        num_running=num_in.get(JobState.RUNNING, 0),
    )
