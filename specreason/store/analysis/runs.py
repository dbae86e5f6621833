"""Reads what a comparison needs of a batch. It reads rows of jobs, whose sums were stored when they ended: no step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Compiled,
    Label,
    Subquery,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import psycopg

from specreason.evaluation.runs import Columns, Run, RunJob, RunProblem
from specreason.store.access.visibility import Viewer, no_batch
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, job, problem, worker

_job = table(
    "job_with_grade",
    *(column(each.name, each.type) for each in job.c),
    column("is_correct", Boolean),
    column("graded_by", Text),
)
_BATCH = bindparam("batch_id", type_=Uuid)
# The other fields of RunJob have the names of their columns.
_JOB: dict[str, ColumnElement[Any]] = {
    "job_id": _job.c.id,
    "problem_index": problem.c.index,
    "is_gradable": _job.c.gradable,
    "is_final": _job.c.graded_at.is_not(None),
    "concurrency": _job.c.mean_concurrency,
    "kept_tokens": _job.c.think_tokens + _job.c.answer_tokens,
    "num_devices": func.coalesce(worker.c.num_devices, 1),
}
# Equal for equal texts or chats.
DIGEST = func.hashtextextended(func.coalesce(cast(problem.c.messages, Text), "") + problem.c.text, 0)
_PROBLEM: dict[str, ColumnElement[Any]] = {"gold": problem.c.answer, "digest": DIGEST}


def _named(kind: type[RunJob | RunProblem], *tables: Mapping[str, ColumnElement[Any]]) -> list[Label[Any]]:
    """The columns that are the fields of `kind`, each from the first of `tables` that has it."""
    names = [field.name for field in fields(kind)]
    return [next(each[name] for each in tables if name in each).label(name) for name in names]


def _in_columns(rows: Subquery) -> Compiled:
    """One row with an array for each column, in the order of `rows`: much faster to read than many rows."""
    arrays = select(*(func.array_agg(each, type_=ARRAY(each.type)).label(each.name) for each in rows.c))
    return arrays.compile(dialect=psycopg.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it


_JOBS = _in_columns(
    select(*_named(RunJob, _JOB, dict(_job.c)))
    .select_from(_job)
    .join(problem, problem.c.id == _job.c.problem_id)
    .outerjoin(worker, worker.c.id == _job.c.worker_id)
    .where(_job.c.batch_id == _BATCH)
    .order_by(problem.c.index, _job.c.repeat)
    .subquery("ordered")
)
_PROBLEMS = _in_columns(
    select(*_named(RunProblem, _PROBLEM, dict(problem.c)))
    .where(problem.c.batch_id == _BATCH)
    .order_by(problem.c.index)
    .subquery("ordered")
)


def read_run(connection: Connection, batch_id: UUID, viewer: Viewer) -> Run:
    """The batch as the caller's transaction sees it. Raises NotFound if there is none that the viewer sees."""
    found = select(batch.c.name, batch.c.pair, batch.c.config, batch.c.created_at)
    row = connection.execute(found.where(batch.c.id == batch_id, viewer.sees(batch.c.owner))).one_or_none()
    if row is None:
        raise no_batch(batch_id)
    return Run(
        batch_id=batch_id,
        **row._mapping,
        problems=_columns(connection, _PROBLEMS, batch_id),
        jobs=_columns(connection, _JOBS, batch_id),
    )


def read_runs(connection: Connection, viewer: Viewer, a: UUID, b: UUID) -> tuple[Run, Run]:
    """Both batches of a comparison, as `read_run`; one is read once."""
    ours = read_run(connection, a, viewer)
    return ours, ours if a == b else read_run(connection, b, viewer)


def _columns(connection: Connection, arrays: Compiled, batch_id: UUID) -> Columns:
    # In binary, so that Postgres does not write thousands of numbers as text, and psycopg does not read that.
    with closing(connection.connection.cursor(binary=True)) as cursor:
        cursor.execute(str(arrays), {**arrays.params, "batch_id": batch_id})
        (arrays_of_all,) = cursor.fetchall()
        return {name: array for (name, *_), array in zip(cursor.description, arrays_of_all, strict=True)}
