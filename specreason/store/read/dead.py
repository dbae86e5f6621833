"""The jobs of all batches that failed or are dead, page by page, and the kinds of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from specreason.store.access.visibility import Viewer
from specreason.store.read.pages import Page
from specreason.store.session import Database, transaction
from specreason.store.tables.error_kinds import BEGINNING, beginning_of_error, key_of_kind
from specreason.store.tables.queue import batch, job, problem
from specreason.store.tables.states import JobState

STATES = (JobState.FAILED, JobState.DEAD)
MOST_KINDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadJob:
    """A job that failed or is dead. `error` is its beginning; `kind` names the kind of it in `DeadKind.key`."""

    job_id: UUID
    batch_id: UUID
    batch_name: str
    problem_index: int
    problem_id: str | None
    repeat: int
    state: JobState
    error: str | None
    kind: str
    num_attempts: int
    num_errors: int
    num_lost: int
    worker_id: UUID | None
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadKind:
    """Jobs whose errors differ in ids and numbers only. `example` is the beginning of one, None without an error."""

    key: str
    example: str | None
    num_failed: int
    num_dead: int
    num_batches: int
    latest_at: datetime

    @property
    def num_jobs(self) -> int:
        return self.num_failed + self.num_dead


def read_dead_kinds(database: Database, viewer: Viewer) -> tuple[DeadKind, ...]:
    """The kinds of errors of all such jobs, the most frequent first, MOST_KINDS at most."""
    key = key_of_kind().label("key")
    number = func.count()
    kinds = (
        select(
            key,
            func.min(beginning_of_error()).label("example"),
            number.filter(job.c.state == JobState.FAILED).label("num_failed"),
            number.filter(job.c.state == JobState.DEAD).label("num_dead"),
            func.count(job.c.batch_id.distinct()).label("num_batches"),
            func.max(job.c.finished_at).label("latest_at"),
        )
        .join(batch, batch.c.id == job.c.batch_id)
        .where(job.c.state.in_(STATES), viewer.sees(batch.c.owner))
        .group_by(key)
        .order_by(number.desc(), key)
        .limit(MOST_KINDS)
    )
    with transaction(database) as connection:
        return tuple(DeadKind(**row._mapping) for row in connection.execute(kinds))


def read_dead_jobs(
    database: Database,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    kind: str | None = None,
    limit: int = 50,
) -> Page[DeadJob]:
    """A page of such jobs, the newest first: at most `limit`, submitted before the job `before`, of one kind of error.

    None for `kind`: of any.
    """
    conditions: list[ColumnElement[bool]] = [job.c.state.in_(STATES), viewer.sees(batch.c.owner)]
    if before is not None:
        conditions.append(job.c.id < before)
    if kind is not None:
        conditions.append(key_of_kind() == kind)
    names = ("repeat", "state", "num_attempts", "num_errors", "num_lost", "worker_id", "finished_at")
    jobs = (
        select(
            job.c.id.label("job_id"),
            job.c.batch_id,
            batch.c.name.label("batch_name"),
            problem.c.index.label("problem_index"),
            problem.c.problem_id,
            func.left(job.c.error, 2 * BEGINNING).label("error"),
            key_of_kind().label("kind"),
            *(job.c[name] for name in names),
        )
        .join(batch, batch.c.id == job.c.batch_id)
        .join(problem, problem.c.id == job.c.problem_id)
        .where(*conditions)
        .order_by(job.c.id.desc())
        .limit(limit + 1)
    )
    with transaction(database) as connection:
        rows = [dict(row._mapping) for row in connection.execute(jobs)]
    page = tuple(DeadJob(**{**row, "state": JobState(row["state"])}) for row in rows[:limit])
    return Page(rows=page, has_more=len(rows) > limit)
