"""Past jobs from which the cost of new ones is estimated: the newest of the nearest configuration, never all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select

from specreason.evaluation.estimate import Likeness, PastJob, likeness
from specreason.store.access.visibility import Viewer
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import batch, job, problem, worker
from specreason.store.tables.states import JobState

# The newest batches of the viewer that are looked through, and the most jobs that are read of those that fit.
BATCHES_LOOKED_AT = 500
MOST_JOBS = 1000


def past_jobs(
    database: Database, viewer: Viewer, pair: str, config: Mapping[str, Any]
) -> tuple[Likeness | None, tuple[PastJob, ...]]:
    """The newest succeeded jobs of `pair` whose configuration is nearest to `config`, and how near that is.

    Only jobs whose device time is known. All are of one likeness: the nearest one with two problems, so that there is a
    spread between problems; else the nearest one with any.
    """
    newest = (
        select(batch.c.id, batch.c.pair, batch.c.config)
        .where(viewer.sees(batch.c.owner))
        .order_by(batch.c.id.desc())
        .limit(BATCHES_LOOKED_AT)
    )
    with transaction(database) as connection:
        rows = [row for row in connection.execute(newest) if row.pair == pair]
        nearest: tuple[Likeness | None, tuple[PastJob, ...]] = (None, ())
        for wanted in Likeness:
            found = _jobs_of(connection, [row.id for row in rows if likeness(row.config, config) is wanted])
            if len({one.problem for one in found}) > 1:
                return wanted, found
            if found and not nearest[1]:
                nearest = wanted, found
    return nearest


def _jobs_of(connection: Connection, batch_ids: list[UUID]) -> tuple[PastJob, ...]:
    """The newest MOST_JOBS jobs of these batches, which are named newest first."""
    found: list[PastJob] = []
    for batch_id in batch_ids:
        if len(found) == MOST_JOBS:
            break
        found += _newest_of(connection, batch_id, MOST_JOBS - len(found))
    return tuple(found)


def _newest_of(connection: Connection, batch_id: UUID, most: int) -> list[PastJob]:
    device_s = job.c.drafter_device_s + job.c.base_device_s
    jobs = (
        select(
            func.md5(problem.c.text).label("problem"),
            device_s.label("device_s"),
            worker.c.num_devices,
            case((~job.c.resumed, job.c.latency_s)).label("latency_s"),
            job.c.mean_concurrency.label("concurrency"),
        )
        .join(problem, problem.c.id == job.c.problem_id)
        .join(worker, worker.c.id == job.c.worker_id)
        .where(job.c.batch_id == batch_id, job.c.state == JobState.SUCCEEDED, device_s > 0)
        .order_by(job.c.id.desc())
        .limit(most)
    )
    return [PastJob(**row._mapping) for row in connection.execute(jobs)]
