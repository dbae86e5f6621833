"""The main figures of each cell: from the summaries of its batches, and speedups from the latencies of its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from specreason.cli.evaluating.asked import Asked
from specreason.client import Batch, Client
from specreason.config import SchemeName
from specreason.evaluation.cells import Cell
from specreason.evaluation.intervals import Interval, pass_at_1_interval
from specreason.evaluation.report.values import CellFigures
from specreason.evaluation.runs import is_timed

# The place of a job: its problem's index and its repeat.
Place = tuple[int, int]


def figures_of(
    client: Client, asked: Asked, batches: Mapping[Cell, Sequence[Batch]]
) -> tuple[CellFigures, ...]:
    """The figures of each cell of `asked`, from all of its batches.

    A speedup is that of mean latencies over the problems and repeats that the base alone has measured, too, under the
    same dataset and token budget.
    """
    latencies: dict[Cell, dict[Place, float]] = {}

    def timed(cell: Cell) -> dict[Place, float]:
        if cell not in latencies:
            latencies[cell] = _latencies(client, batches[cell])
        return latencies[cell]

    found = []
    for number, cell in enumerate(asked.cells):
        base = _base_of(cell, batches)
        speedup = None if base is None or base == cell else _speedup(timed(base), timed(cell))
        found.append(_figures(f"c{number}", asked, cell, batches[cell], speedup))
    return tuple(found)


def _figures(
    key: str, asked: Asked, cell: Cell, batches: Sequence[Batch], speedup: float | None
) -> CellFigures:
    num_graded = sum(batch.num_graded for batch in batches)
    num_timed = sum(batch.num_timed for batch in batches)
    num_drafted = sum(batch.num_drafted for batch in batches)
    num_problems = max(batch.num_problems for batch in batches)
    num_correct = sum(batch.num_correct for batch in batches)
    num_accepted = sum(batch.num_accepted for batch in batches)
    return CellFigures(
        key=key,
        label=asked.labels[cell],
        pair=cell.pair,
        dataset=cell.dataset,
        scheme=cell.scheme,
        knobs=dict(cell.knobs),
        batch_ids=tuple(batch.batch_id for batch in batches),
        num_problems=num_problems,
        num_jobs=sum(batch.num_jobs for batch in batches),
        num_succeeded=sum(batch.num_succeeded for batch in batches),
        num_graded=num_graded,
        concurrency=_weighted([(batch.mean_concurrency, batch.num_timed) for batch in batches], num_timed),
        pass_at_1=pass_at_1_interval(num_correct / num_graded, min(num_graded, num_problems))
        if num_graded
        else None,
        latency_s=_plain(
            _weighted([(batch.mean_latency_s, batch.num_timed) for batch in batches], num_timed)
        ),
        kept_tokens=None,
        acceptance=_plain(num_accepted / num_drafted if num_drafted else None),
        speedup=_plain(speedup),
    )


def _base_of(cell: Cell, cells: Mapping[Cell, object]) -> Cell | None:
    """The cell of the base alone to compare with: of the same pair if there is one."""
    alike = [
        other
        for other in cells
        if other.scheme is SchemeName.BASE
        and other.dataset == cell.dataset
        and other.knob("token_budget") == cell.knob("token_budget")
    ]
    return min(alike, key=lambda other: other.pair != cell.pair, default=None)


def _latencies(client: Client, batches: Sequence[Batch]) -> dict[Place, float]:
    """The latency in seconds of each job whose latency compares with others."""
    return {
        (job.problem_index, job.repeat): job.latency_s
        for batch in batches
        for job in client.jobs(batch.batch_id, states=["succeeded"])
        if job.latency_s is not None and is_timed(job.state, job.resumed)
    }


def _speedup(base: Mapping[Place, float], own: Mapping[Place, float]) -> float | None:
    shared = base.keys() & own.keys()
    mean = fmean(own[place] for place in shared) if shared else 0.0
    return fmean(base[place] for place in shared) / mean if mean else None


def _weighted(values: Sequence[tuple[float | None, int]], total: int) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None]
    return sum(value * weight for value, weight in known) / total if known and total else None


def _plain(value: float | None) -> Interval | None:
    """A figure whose bounds only `specreason report` computes."""
    return None if value is None else Interval(mean=value, low=None, high=None)
