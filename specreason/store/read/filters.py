"""Filters of a batch's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, select

from specreason.store.tables.queue import job, problem
from specreason.store.tables.states import JobState
from specreason.store.tables.views import job_with_grade
from specreason.submission.text import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Jobs in one of `states`, with this newest grade, and with an error that contains `error`, in any case of letters.

    `problem_index` and `repeat` name a job. An empty or missing field filters nothing.
    """

    states: tuple[JobState, ...] = ()
    grade: Literal["true", "false", "none"] | None = None
    error: str | None = None
    problem_index: int | None = None
    repeat: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on rows of `job` joined with `problem`; a job passes if all hold."""
        conditions: list[ColumnElement[bool]] = []
        if self.states:
            conditions.append(job.c.state.in_(self.states))
        if self.problem_index is not None:
            conditions.append(problem.c.index == self.problem_index)
        if self.repeat is not None:
            conditions.append(job.c.repeat == self.repeat)
        if self.error is not None:
            conditions.append(job.c.error.icontains(storable(self.error), autoescape=True))
        if self.grade is not None:
            newest = (
                select(job_with_grade.c.is_correct).where(job_with_grade.c.id == job.c.id).scalar_subquery()
            )
            conditions.append(newest.is_(None) if self.grade == "none" else newest.is_(self.grade == "true"))
        return conditions
