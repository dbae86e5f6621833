"""The main figures of a cell, and the columns with which every table of cells begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from specreason.evaluation.clusters import mean_of_cases, share_over_problems, sums_by_problem
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.pairing import base_of, speedup_over
from specreason.evaluation.report.pooling import PooledCell
from specreason.evaluation.report.rows import Row
from specreason.evaluation.report.values import CellFigures
from specreason.evaluation.scientific import np

HEAD = (
    *("cell", "label", "dataset", "scheme", "threshold", "first_steps_on_base"),
    *("token_budget", "base", "drafter"),
)
# The number of parameters in a model's name: 32B, 1.5b, 270M; not the 3B of "A3B", which are active ones.
PARAMETERS = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)([BbMm])(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCell:
    """A cell with its figures, and the base-only cell beside it, if there is one."""

    pooled: PooledCell
    figures: CellFigures
    base: PooledCell | None

    @property
    def num_counted(self) -> int:
        """How many jobs at least are behind each figure that is known: the fewer of the graded and the timed ones."""
        numbers = (self.figures.num_graded, int(self.pooled.is_timed.sum()))
        return min((number for number in numbers if number), default=0)

    @property
    def num_graded_problems(self) -> int:
        is_graded = ~np.isnan(self.pooled.numbers("is_correct"))
        return len(np.unique(self.pooled.problem[is_graded]))

    @property
    def head(self) -> Row:
        """The values of HEAD."""
        cell, models = self.pooled.cell, self.pooled.models
        return (
            self.pooled.key,
            self.pooled.label,
            cell.dataset,
            str(cell.scheme),
            cell.knob("threshold"),
            cell.knob("first_steps_on_base"),
            cell.knob("token_budget"),
            short_name(models.get("base")),
            short_name(models.get("drafter")),
        )


def measure(cells: Sequence[PooledCell]) -> tuple[MeasuredCell, ...]:
    return tuple(_measured(each, base_of(each, cells)) for each in cells)


def bounded(name: str) -> tuple[str, str, str]:
    """The columns of an interval."""
    return name, f"{name}_low", f"{name}_high"


def spread(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    """The values of these columns."""
    return (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)


def short_name(model: str | None) -> str | None:
    """A hub's id without its owner, a folder without where it is."""
    return None if not model else PurePosixPath(model).name


def parameters_of(model: str | None) -> float | None:
    """How many parameters a model's name says that it has; None if it says nothing."""
    found = PARAMETERS.search(short_name(model) or "")
    return None if found is None else float(found[1]) * (1e9 if found[2] in "Bb" else 1e6)


def mean_over(cell: PooledCell, values: np.ndarray) -> Interval | None:
    """The mean per job over the jobs that know it, of what cannot be negative."""
    known = ~np.isnan(values)
    if not known.any():
        return None
    mean = mean_of_cases(values[known], cell.problem[known])
    low = None if mean.low is None else max(0.0, mean.low)
    return Interval(mean=mean.mean, low=low, high=mean.high)


def _measured(cell: PooledCell, base: PooledCell | None) -> MeasuredCell:
    concurrency = cell.numbers("concurrency", cell.is_timed)
    concurrency = concurrency[~np.isnan(concurrency)]
    figures = CellFigures(
        key=cell.key,
        label=cell.label,
        pair=cell.cell.pair,
        dataset=cell.cell.dataset,
        scheme=str(cell.cell.scheme),
        knobs=dict(cell.cell.knobs),
        batch_ids=tuple(batch.batch_id for batch in cell.batches),
        num_problems=cell.num_problems,
        num_jobs=cell.num_jobs,
        num_succeeded=int(cell.is_measured.sum()),
        num_graded=sum(grade is not None for grade in cell.jobs["is_correct"]),
        concurrency=float(concurrency.mean()) if len(concurrency) else None,
        pass_at_1=_pass_at_1(cell),
        latency_s=mean_over(cell, cell.numbers("latency_s", cell.is_timed)),
        kept_tokens=mean_over(cell, cell.numbers("kept_tokens", cell.is_measured)),
        acceptance=_acceptance(cell),
        speedup=None if base is None else speedup_over(base, cell),
    )
    return MeasuredCell(pooled=cell, figures=figures, base=base)


def _pass_at_1(cell: PooledCell) -> Interval | None:
    right = cell.numbers("is_correct")
    known = ~np.isnan(right)
    if not known.any():
        return None
    counts, hits = sums_by_problem(cell.problem[known], right[known])
    return share_over_problems(hits, counts)


def _acceptance(cell: PooledCell) -> Interval | None:
    """Of drafts; None where nothing was drafted."""
    drafted, accepted = (cell.numbers(name, cell.is_measured) for name in ("num_drafted", "num_accepted"))
    known = drafted > 0
    if not known.any():
        return None
    _, drafts, kept = sums_by_problem(cell.problem[known], drafted[known], accepted[known])
    return share_over_problems(kept, drafts)
