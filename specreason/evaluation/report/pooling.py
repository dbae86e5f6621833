"""Pools the batches of each cell: its jobs in columns, each problem and repeat once.

Everything is in an order that depends on the rows alone, not on that of the batches: sums of floating-point numbers,
too, are the same for the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any
from uuid import UUID

from specreason.evaluation.cells import Cell, cell_of, in_order, labels
from specreason.evaluation.report.rows import ReportBatch, ReportJob
from specreason.evaluation.runs import Columns, is_measured, is_timed
from specreason.evaluation.scientific import np

# What a job asks: the digest of its problem, and how many problems with this digest come before it in its batch.
Asked = tuple[int, int]
DIGITS = 8  # of a digest in a name
COLUMNS = tuple(field.name for field in fields(ReportJob))


@dataclass(frozen=True, kw_only=True, eq=False)
class PooledCell:
    """One cell. `problem` is the number of each job's problem, the same in all cells; jobs are sorted by it and repeat.

    `num_twice` jobs were left out, since a newer one has their problem and repeat.
    """

    cell: Cell
    key: str
    label: str
    batches: tuple[ReportBatch, ...]
    problem: np.ndarray
    jobs: Columns
    num_twice: int

    @property
    def num_jobs(self) -> int:
        return len(self.problem)

    @property
    def num_problems(self) -> int:
        return len(np.unique(self.problem))

    @cached_property
    def models(self) -> Mapping[str, str]:
        """Those of its newest batch that has run; empty if none has."""
        return next((batch.models for batch in reversed(self.batches) if batch.models), {})

    @property
    def versions(self) -> frozenset[str]:
        """The fingerprints of its pair under which its jobs have run."""
        return frozenset(version for batch in self.batches for version in batch.versions)

    @cached_property
    def is_measured(self) -> np.ndarray:
        """By job, whether it counts in figures of tokens and steps."""
        return np.array([is_measured(state) for state in self.jobs["state"]], dtype=bool)

    @cached_property
    def is_timed(self) -> np.ndarray:
        """By job, whether its latency counts."""
        jobs = zip(self.jobs["state"], self.jobs["resumed"], self.jobs["latency_s"], strict=True)
        return np.array(
            [is_timed(state, resumed) and s is not None for state, resumed, s in jobs], dtype=bool
        )

    def numbers(self, name: str, where: np.ndarray | None = None) -> np.ndarray:
        """A column, NaN where a value is unknown or `where` is false."""
        column = np.array(self.jobs[name], dtype=float)
        return column if where is None else np.where(where, column, np.nan)


def pool(batches: Sequence[ReportBatch], jobs: Columns) -> tuple[PooledCell, ...]:
    """The cells of the batches, in the order in which they are shown."""
    batches = sorted(batches, key=lambda batch: batch.batch_id)
    datasets = datasets_of(batches)
    members: dict[Cell, list[ReportBatch]] = defaultdict(list)
    for batch in batches:
        config = {**batch.config, "threshold": batch.threshold}
        members[cell_of(batch.pair, datasets[batch.batch_id], config)].append(batch)
    asked = _asked(jobs)
    number_of = {key: number for number, key in enumerate(sorted(set(asked)))}
    places: dict[UUID, list[int]] = defaultdict(list)
    for place, batch_id in enumerate(jobs["batch_id"]):
        places[batch_id].append(place)
    numbers = [number_of[each] for each in asked]
    cells = in_order(members)
    return tuple(
        _pooled(cell, label, members[cell], places, numbers=numbers, jobs=jobs)
        for cell, label in zip(cells, labels(cells), strict=True)
    )


def datasets_of(batches: Sequence[ReportBatch]) -> dict[UUID, str]:
    """By batch the name of its dataset; where nothing names it, the name of the oldest batch of the same problems.

    Where several sets of problems have one such name, each has the beginning of its digest, too.
    """
    oldest: dict[str, str] = {}
    for batch in sorted(batches, key=lambda each: each.batch_id):
        oldest.setdefault(batch.problems_digest, batch.name or "unnamed")
    unnamed = {batch.problems_digest for batch in batches if not batch.dataset}
    number = Counter(oldest[digest] for digest in unnamed)
    names = {
        digest: oldest[digest] if number[oldest[digest]] == 1 else f"{oldest[digest]} ({digest[:DIGITS]})"
        for digest in unnamed
    }
    return {batch.batch_id: batch.dataset or names[batch.problems_digest] for batch in batches}


def _asked(jobs: Columns) -> list[Asked]:
    """By job. Problems of equal text in a batch are told apart by their order."""
    of_problem: dict[tuple[UUID, int], int] = dict(
        zip(zip(jobs["batch_id"], jobs["problem_index"], strict=True), jobs["problem_digest"], strict=True)
    )
    seen: Counter[tuple[UUID, int]] = Counter()
    asked: dict[tuple[UUID, int], Asked] = {}
    for batch_id, index in sorted(of_problem):
        digest = of_problem[batch_id, index]
        asked[batch_id, index] = (digest, seen[batch_id, digest])
        seen[batch_id, digest] += 1
    return [asked[each] for each in zip(jobs["batch_id"], jobs["problem_index"], strict=True)]


def _pooled(
    cell: Cell,
    label: str,
    batches: Sequence[ReportBatch],
    places: Mapping[UUID, Sequence[int]],
    *,
    numbers: Sequence[int],
    jobs: Columns,
) -> PooledCell:
    here = [place for batch in batches for place in places.get(batch.batch_id, ())]

    def worth(place: int) -> tuple[bool, bool, UUID]:
        """The job that counts has most of it: a graded one, else one that succeeded, and of these the newest."""
        is_graded = jobs["is_correct"][place] is not None
        return is_graded, is_measured(jobs["state"][place]), jobs["job_id"][place]

    best: dict[tuple[int, int], int] = {}
    for place in here:
        key = (numbers[place], jobs["repeat"][place])
        if key not in best or worth(place) > worth(best[key]):
            best[key] = place
    ordered = sorted(best)
    chosen = [best[key] for key in ordered]
    return PooledCell(
        cell=cell,
        key=key_of(cell),
        label=label,
        batches=tuple(batches),
        problem=np.array([problem for problem, _ in ordered], dtype=int),
        jobs={name: [jobs[name][place] for place in chosen] for name in COLUMNS},
        num_twice=len(here) - len(chosen),
    )


def key_of(cell: Cell) -> str:
    """Eight hex digits, the same for the same cell in every report."""
    facts: list[Any] = [cell.pair, cell.dataset, cell.scheme, cell.knobs]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]
