"""Past jobs from which the cost of new ones is estimated: the newest of the nearest configuration, never all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import case, exists, select

from specreason.evaluation.estimate import Likeness, Past, PastJob, likeness
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.runs import DIGEST
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import batch, job, problem, worker
from specreason.store.tables.states import JobState

# The newest batches of the viewer that are looked through, and the most jobs that are read of those that fit.
BATCHES_LOOKED_AT = 500
MOST_JOBS = 1000
# The states of jobs that ended by themselves: nobody, and no deadline, cut them short.
TO_THE_END = (JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD)


def past_jobs(database: Database, viewer: Viewer, pair: str, config: Mapping[str, Any]) -> Past:
    """The newest jobs of `pair` whose configuration is nearest to `config`; of failed ones, too, the time is paid.

    Only jobs whose device time is known, of batches in which some have succeeded. All are of one likeness: the nearest
    one that bounds jobs to come; else the nearest one with any.
    """
    newest = (
        select(batch.c.id, batch.c.pair, batch.c.config)
        .where(viewer.sees(batch.c.owner))
        .order_by(batch.c.id.desc())
        .limit(BATCHES_LOOKED_AT)
    )
    with transaction(database) as connection:
        rows = [row for row in connection.execute(newest) if row.pair == pair]
        nearest = Past()
        for wanted in Likeness:
            found = _past(
                connection, wanted, [row.id for row in rows if likeness(row.config, config) is wanted]
            )
            if found.has_bounds:
                return found
            if not nearest.jobs:
                nearest = found
    return nearest if nearest.jobs else Past()


def _past(connection: Connection, wanted: Likeness, batch_ids: list[UUID]) -> Past:
    """The newest MOST_JOBS jobs of these batches, which are named newest first.

    The jobs that have ended before others of their batch are its short ones: such a batch counts only if all do.
    """
    whole: list[PastJob] = []
    cut: list[PastJob] = []
    for batch_id in batch_ids:
        if len(whole) == MOST_JOBS:
            break
        found = _newest_of(connection, batch_id, MOST_JOBS - len(whole))
        if found and _is_cut(connection, batch_id):
            cut += found[: MOST_JOBS - len(cut)]
        else:
            whole += found
    return Past(jobs=tuple(whole or cut), likeness=wanted, are_cut=not whole)


def _is_cut(connection: Connection, batch_id: UUID) -> bool:
    to_the_end = job.c.state.in_(TO_THE_END)
    return bool(connection.scalar(select(exists().where(job.c.batch_id == batch_id, ~to_the_end))))


def _newest_of(connection: Connection, batch_id: UUID, most: int) -> list[PastJob]:
    device_s = job.c.drafter_device_s + job.c.base_device_s
    other = job.alias("other")
    some_succeeded = exists().where(other.c.batch_id == batch_id, other.c.state == JobState.SUCCEEDED)
    jobs = (
        select(
            DIGEST.label("problem"),
            device_s.label("device_s"),
            worker.c.num_devices,
            case(((job.c.state == JobState.SUCCEEDED) & ~job.c.resumed, job.c.latency_s)).label("latency_s"),
            job.c.mean_concurrency.label("concurrency"),
        )
        .join(problem, problem.c.id == job.c.problem_id)
        .join(worker, worker.c.id == job.c.worker_id)
        .where(job.c.batch_id == batch_id, job.c.state.in_(TO_THE_END), device_s > 0, some_succeeded)
        .order_by(job.c.id.desc())
        .limit(most)
    )
    return [PastJob(**row._mapping) for row in connection.execute(jobs)]
