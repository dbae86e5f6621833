"""Answers that wait for a grade, and grades. How to grade is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.store.session import Database, transaction
from specreason.store.tables.queue import job, problem
from specreason.store.tables.states import JobState
from specreason.store.tables.trace import grade
from specreason.submission.text import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class UngradedAnswer:
    """A job's extracted answer (None if the run ended without one) and the gold answer."""

    job_id: UUID
    answer: str | None
    gold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrade:
    """A grade. `grader` is the name and version of the grader."""

    job_id: UUID
    grader: str
    answer: str | None
    is_correct: bool
    detail: str | None = None


def jobs_to_grade(database: Database, *, limit: int = 100) -> tuple[UngradedAnswer, ...]:
    """Succeeded jobs without a grade, of problems with a gold answer, oldest first."""
    waiting = (
        select(job.c.id, job.c.answer, problem.c.answer.label("gold"))
        .join(problem, problem.c.id == job.c.problem_id)
        .where(job.c.gradable, job.c.state == JobState.SUCCEEDED, job.c.graded_at.is_(None))
        .order_by(job.c.finished_at)
        .limit(limit)
    )
    with transaction(database) as connection:
        rows = connection.execute(waiting).all()
    return tuple(UngradedAnswer(job_id=row.id, answer=row.answer, gold=row.gold) for row in rows)


def insert_grade(database: Database, new: NewGrade, *, only_first: bool = False) -> bool:
    """Add a grade; the newest of a job counts. With `only_first`: False, and no grade, if the job has one already."""
    graded = update(job).where(job.c.id == new.job_id).values(graded_at=now())
    with transaction(database) as connection:
        if not connection.execute(graded.where(job.c.graded_at.is_(None)) if only_first else graded).rowcount:
            return False
        connection.execute(
            insert(grade).values(
                id=uuid7(),
                job_id=new.job_id,
                grader=new.grader,
                answer=storable(new.answer) if new.answer is not None else None,
                is_correct=new.is_correct,
                detail=storable(new.detail) if new.detail is not None else None,
            )
        )
    return True
