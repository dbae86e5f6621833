"""Reads the grades of a job: the newest one counts, the others show how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from specreason.store.access.visibility import Viewer, require_job
from specreason.store.session import Database, transaction
from specreason.store.tables.trace import grade


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRow:
    """One grade: `answer` was compared with `gold`, None in grades of releases that did not keep it."""

    grader: str
    answer: str | None
    gold: str | None
    is_correct: bool
    detail: str | None
    given_up: bool
    created_at: datetime


def read_grades(
    database: Database, viewer: Viewer, job_id: UUID, *, limit: int = 100
) -> tuple[GradeRow, ...]:
    """At most `limit` grades of a job, newest first. Raises NotFound."""
    newest = select(grade).where(grade.c.job_id == job_id).order_by(grade.c.id.desc()).limit(limit)
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        rows = connection.execute(newest).all()
    return tuple(
        GradeRow(
            grader=row.grader,
            answer=row.answer,
            gold=row.gold,
            is_correct=row.is_correct,
            detail=row.detail,
            given_up=row.given_up,
            created_at=row.created_at,
        )
        for row in rows
    )
