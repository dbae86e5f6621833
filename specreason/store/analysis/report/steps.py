"""The steps of a report: those that took longest, rejected ones as examples, and those with a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from specreason.evaluation.report.rows import BEGINNING, MOST_ROWS, RewardedStep, RewrittenStep, SlowStep
from specreason.evaluation.runs import Columns
from specreason.store.analysis.report.statement import Statement, of_file
from specreason.store.session import Connection


def slowest_of(batches: Sequence[UUID], parts: int) -> Statement:
    """The slowest steps, of one in `parts` problems: it looks at each of them."""
    return of_file(
        "slowest_steps",
        _names(SlowStep),
        batches=batches,
        parts=parts,
        most=MOST_ROWS,
        beginning=BEGINNING,
    )


def rewards_of(batches: Sequence[UUID], parts: int) -> Statement:
    """The steps that a process reward model has scored, of one in `parts` problems."""
    return of_file("reward", _names(RewardedStep), batches=batches, parts=parts)


def rewritten_of(jobs: Sequence[UUID]) -> Statement:
    """The first rejected draft of each of these jobs."""
    return of_file("most_rewritten_steps", _names(RewrittenStep), jobs=jobs, beginning=BEGINNING)


def read_slowest(connection: Connection, statement: Statement) -> list[SlowStep]:
    return [SlowStep(**row) for row in _rows(statement.read(connection))]


def read_rewritten(connection: Connection, statement: Statement) -> list[RewrittenStep]:
    return [RewrittenStep(**row) for row in _rows(statement.read(connection))]


def _rows(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
