"""Filters of a batch's jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Double, cast, func, select

from specreason.errors import InvalidField
from specreason.reasoning.steps import StopReason
from specreason.store.tables.queue import job, problem
from specreason.store.tables.states import JobState
from specreason.store.tables.views import job_with_grade
from specreason.submission.text import storable
from specreason.words import shown

# Of a job that has ended, from its row: what the ranges below are about.
_ACCEPTANCE = cast(job.c.num_accepted, Double) / func.nullif(job.c.num_drafted, 0)
_TOKENS = job.c.think_tokens + job.c.answer_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Jobs in one of `states`, with this newest grade, stopped for one of `stop_reasons`, and so on; all must hold.

    `error` is a part of the error, in any case of letters. `problem_index` and `repeat` name a job, `problem_id` is the
    user's own name of a problem, and `sources` are other fields of its line with their values as text. Acceptance is a
    share, latency seconds, tokens are those kept; both ends of a range belong to it, and only ended jobs are in one. An
    empty or missing field filters nothing. Raises InvalidField for a range that ends before it begins.
    """

    states: tuple[JobState, ...] = ()
    grade: Literal["true", "false", "none"] | None = None
    stop_reasons: tuple[StopReason, ...] = ()
    error: str | None = None
    problem_index: int | None = None
    problem_id: str | None = None
    repeat: int | None = None
    min_acceptance: float | None = None
    max_acceptance: float | None = None
    min_latency_s: float | None = None
    max_latency_s: float | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("acceptance", "latency_s", "tokens"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low is not None and high is not None and low > high:
                raise InvalidField(f"max_{name}", f"must be at least min_{name}, {low:g}, not {high:g}")

    def conditions(self) -> list[ColumnElement[bool]]:
        """Conditions on rows of `job` joined with `problem`; a job passes if all hold."""
        return [*self._on_state(), *self._on_problem(), *self._on_figures(), *self._on_grade()]

    def _on_state(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.states:
            conditions.append(job.c.state.in_(self.states))
        if self.stop_reasons:
            conditions.append(job.c.stop_reason.in_(self.stop_reasons))
        if self.error is not None:
            conditions.append(job.c.error.icontains(storable(self.error), autoescape=True))
        return conditions

    def _on_problem(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.problem_index is not None:
            conditions.append(problem.c.index == self.problem_index)
        if self.problem_id is not None:
            conditions.append(problem.c.problem_id == storable(self.problem_id))
        if self.repeat is not None:
            conditions.append(job.c.repeat == self.repeat)
        conditions += [
            problem.c.source[storable(field)].astext == storable(value) for field, value in self.sources
        ]
        return conditions

    def _on_figures(self) -> list[ColumnElement[bool]]:
        ranges: tuple[tuple[ColumnElement[Any], float | None, float | None], ...] = (
            (_ACCEPTANCE, self.min_acceptance, self.max_acceptance),
            (job.c.latency_s, self.min_latency_s, self.max_latency_s),
            (_TOKENS, self.min_tokens, self.max_tokens),
        )
        return [
            *(column >= low for column, low, _ in ranges if low is not None),
            *(column <= high for column, _, high in ranges if high is not None),
        ]

    def _on_grade(self) -> list[ColumnElement[bool]]:
        if self.grade is None:
            return []
        newest = select(job_with_grade.c.is_correct).where(job_with_grade.c.id == job.c.id).scalar_subquery()
        return [newest.is_(None) if self.grade == "none" else newest.is_(self.grade == "true")]


def parse_sources(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`field=value` of each, divided at the first sign. Raises InvalidField."""
    parts = [each.partition("=") for each in given]
    for each, (field, sign, _) in zip(given, parts, strict=True):
        if not field or not sign:
            raise InvalidField("source", f"must be a field and its value, FIELD=VALUE, not {shown(each)}")
    return tuple((field, value) for field, _, value in parts)
