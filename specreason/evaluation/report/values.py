"""A report as values: cells, and figures that each are a table with the SQL behind it. Drawing is done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from specreason.evaluation.intervals import Interval

# What a figure's table holds. JSON and CSV have them all.
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFigures:
    """One cell: its batches, what they run, and its main figures over graded and measured jobs.

    `key` names it in the tables of figures. Latencies compare where `concurrency`, the mean number of jobs in flight,
    is about the same.
    """

    key: str
    label: str
    pair: str
    dataset: str
    scheme: str
    knobs: Mapping[str, Any]
    batch_ids: tuple[UUID, ...]
    num_problems: int
    num_jobs: int
    num_succeeded: int
    num_graded: int
    concurrency: float | None
    pass_at_1: Interval | None
    latency_s: Interval | None
    kept_tokens: Interval | None
    acceptance: Interval | None
    speedup: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. `rows` are what is drawn, and what its CSV holds; `sql` gives what they are made of.

    `name` is the file's stem, `says` one sentence on what it shows here, `reading` how to read it.
    """

    name: str
    title: str
    says: str
    reading: str
    remarks: tuple[str, ...]
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]

    def dicts(self) -> list[dict[str, Scalar]]:
        """The rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A figure that the rows do not give, and what it would need."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it. `configurations` are the stored ones of all batches, by id, with names and pairs."""

    title: str
    says: str
    remarks: tuple[str, ...]
    cells: tuple[CellFigures, ...]
    figures: tuple[Figure, ...]
    left_out: tuple[LeftOut, ...]
    configurations: Mapping[str, Mapping[str, Any]]
