"""Reads what a comparison needs of a batch. It reads rows of jobs, whose sums were stored when they ended: no step."""

from __future__ import annotations

from dataclasses import fields
from uuid import UUID

from sqlalchemy import Boolean, Text, Uuid, bindparam, cast, column, func, select, table

from specreason.evaluation.runs import Run, RunJob, RunProblem
from specreason.store.access.visibility import Viewer, no_batch
from specreason.store.session import Connection
from specreason.store.tables.queue import batch, job, problem, worker

_job = table(
    "job_with_grade",
    *(column(each.name, each.type) for each in job.c),
    column("is_correct", Boolean),
    column("graded_by", Text),
)
# Statements are built once: building one takes as long as it runs.
_BATCH = bindparam("batch_id", type_=Uuid)
_JOB = {
    "job_id": _job.c.id,
    "problem_index": problem.c.index,
    "is_gradable": _job.c.gradable,
    "is_final": _job.c.graded_at.is_not(None),
    "concurrency": _job.c.mean_concurrency,
    "kept_tokens": _job.c.think_tokens + _job.c.answer_tokens,
    "num_devices": func.coalesce(worker.c.num_devices, 1),
}
_FIELDS = tuple(field.name for field in fields(RunJob))
_JOBS = (
    select(*(_JOB[name] if name in _JOB else _job.c[name] for name in _FIELDS))
    .select_from(_job)
    .join(problem, problem.c.id == _job.c.problem_id)
    .outerjoin(worker, worker.c.id == _job.c.worker_id)
    .where(_job.c.batch_id == _BATCH)
    .order_by(problem.c.index, _job.c.repeat)
)
_DIGEST = func.sha256(
    func.convert_to(func.coalesce(cast(problem.c.messages, Text), "") + problem.c.text, "UTF8")
)
_PROBLEMS = (
    select(problem.c.index, problem.c.problem_id, problem.c.answer, _DIGEST)
    .where(problem.c.batch_id == _BATCH)
    .order_by(problem.c.index)
)


def read_run(connection: Connection, batch_id: UUID, viewer: Viewer = Viewer.EVERYONE) -> Run:
    """The batch as the caller's transaction sees it. Raises NotFound if there is none that the viewer sees."""
    found = select(batch.c.name, batch.c.pair, batch.c.config, batch.c.created_at)
    row = connection.execute(found.where(batch.c.id == batch_id, viewer.sees(batch.c.owner))).one_or_none()
    if row is None:
        raise no_batch(batch_id)
    of_batch = {"batch_id": batch_id}
    problems = tuple(
        RunProblem(index=index, problem_id=problem_id, gold=gold, digest=bytes(digest))
        for index, problem_id, gold, digest in connection.execute(_PROBLEMS, of_batch).all()
    )
    rows = connection.execute(_JOBS, of_batch).all()
    jobs = tuple(RunJob(**dict(zip(_FIELDS, values, strict=True))) for values in rows)
    return Run(
        batch_id=batch_id,
        name=row.name,
        pair=row.pair,
        config=row.config,
        created_at=row.created_at,
        problems=problems,
        jobs=jobs,
    )
