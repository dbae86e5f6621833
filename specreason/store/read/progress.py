"""How far the jobs of some batches are: one small statement for all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from specreason.store.session import Database, single_statement
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import job
from specreason.store.tables.states import JobState
from specreason.store.tables.trace import step


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """A job's state and the number of its stored steps. `problem_row` is the id of its problem's row."""

    job_id: UUID
    problem_row: UUID
    repeat: int
    state: JobState
    num_steps: int


def progress_of(database: Database, batch_ids: Collection[UUID]) -> Mapping[UUID, tuple[JobProgress, ...]]:
    """The jobs of each batch, problem by problem and repeat by repeat. A batch that does not exist is left out."""
    stored = select(func.coalesce(func.max(step.c.index) + 1, 0)).where(step.c.job_id == job.c.id)
    rows = (
        select(job.c.id, job.c.batch_id, job.c.problem_id, job.c.repeat, job.c.state)
        .add_columns(stored.scalar_subquery().label("num_steps"))
        .where(one_of_ids(job.c.batch_id, batch_ids))
        .order_by(job.c.problem_id, job.c.repeat)
    )
    found: dict[UUID, list[JobProgress]] = defaultdict(list)
    with single_statement(database) as connection:
        for row in connection.execute(rows):
            found[row.batch_id].append(
                JobProgress(
                    job_id=row.id,
                    problem_row=row.problem_id,
                    repeat=row.repeat,
                    state=JobState(row.state),
                    num_steps=row.num_steps,
                )
            )
    return {batch_id: tuple(jobs) for batch_id, jobs in found.items()}
