"""Finds the step at which the traces of two jobs part. Postgres compares the texts: no trace is read whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Subquery, and_, func, or_, select

from specreason.evaluation.comparison.values import Parting, TraceStep
from specreason.store.access.visibility import Viewer, require_job
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import job, problem
from specreason.store.tables.trace import step, step_payload


def find_parting(database: Database, viewer: Viewer, job_a: UUID, job_b: UUID) -> Parting:
    """The first step whose kept text differs between two jobs, as far as their steps are stored. Raises NotFound.

    A batch that was imported without its texts has none to compare.
    """
    with transaction(database) as connection:
        for job_id in (job_a, job_b):
            require_job(connection, viewer, job_id)
        found = _find(connection, job_a, job_b)
        lacks_texts = found.num_without_text > 0
        index = None if lacks_texts else found.parts
        ours, theirs = (_step(connection, job_id, index) for job_id in (job_a, job_b))
        same_problem = _same_problem(connection, job_a, job_b)
    return Parting(
        job_a=job_a,
        job_b=job_b,
        same_problem=same_problem,
        num_steps_a=found.num_a,
        num_steps_b=found.num_b,
        index=index,
        decided=found.decided,
        num_same_characters=_num_same(ours, theirs),
        lacks_texts=lacks_texts,
        step_a=ours,
        step_b=theirs,
    )


def _find(connection: Connection, job_a: UUID, job_b: UUID) -> Row[Any]:
    a, b = _steps(job_a, "a"), _steps(job_b, "b")
    index = func.coalesce(a.c.index, b.c.index)
    without_text = or_(*(each.c.index.is_not(None) & each.c.kept_text.is_(None) for each in (a, b)))
    other_text = a.c.kept_text.is_distinct_from(b.c.kept_text)
    otherwise = or_(
        *(a.c[name].is_distinct_from(b.c[name]) for name in ("decision", "author", "utility_score"))
    )
    return connection.execute(
        select(
            func.min(index).filter(other_text).label("parts"),
            func.min(index).filter(otherwise).label("decided"),
            func.count(a.c.index).label("num_a"),
            func.count(b.c.index).label("num_b"),
            func.count().filter(without_text).label("num_without_text"),
        ).select_from(a.join(b, a.c.index == b.c.index, full=True))
    ).one()


def _steps(job_id: UUID, name: str) -> Subquery:
    columns = (step.c.index, step.c.decision, step.c.author, step.c.utility_score, step_payload.c.kept_text)
    of_job = select(*columns).outerjoin(step_payload, _of_step()).where(step.c.job_id == job_id)
    return of_job.subquery(name)


def _of_step() -> Any:
    return and_(step_payload.c.job_id == step.c.job_id, step_payload.c.index == step.c.index)


def _step(connection: Connection, job_id: UUID, index: int | None) -> TraceStep | None:
    if index is None:
        return None
    columns = (
        step.c.decision,
        step.c.author,
        step.c.utility_score.label("score"),
        step_payload.c.draft_text,
        step_payload.c.kept_text,
    )
    here = (step.c.job_id == job_id) & (step.c.index == index)
    row = connection.execute(select(*columns).join(step_payload, _of_step()).where(here)).one_or_none()
    return None if row is None else TraceStep(**row._mapping)


def _same_problem(connection: Connection, job_a: UUID, job_b: UUID) -> bool:
    asked = (
        select(problem.c.text, problem.c.messages)
        .join(job, job.c.problem_id == problem.c.id)
        .where(job.c.id.in_([job_a, job_b]))
        .distinct()
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(asked)) == 1


def _num_same(ours: TraceStep | None, theirs: TraceStep | None) -> int | None:
    """How many characters both kept texts begin with."""
    if ours is None or theirs is None:
        return None
    pairs = enumerate(zip(ours.kept_text, theirs.kept_text, strict=False))
    shorter = min(len(ours.kept_text), len(theirs.kept_text))
    return next((place for place, (one, other) in pairs if one != other), shorter)
