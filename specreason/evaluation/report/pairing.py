"""The base-only cell that stands beside another one, and both over the problems and repeats that they share."""

from __future__ import annotations

from collections.abc import Sequence

from specreason.config import SchemeName
from specreason.evaluation.comparison.contrasts import shares, speedup
from specreason.evaluation.comparison.values import Figure
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.pooling import PooledCell
from specreason.evaluation.scientific import np

# The base runs under the same conditions only if these are equal, beside dataset and model.
CONDITIONS = ("token_budget", "temperature", "top_p", "top_k", "min_p")


def base_of(ours: PooledCell, cells: Sequence[PooledCell]) -> PooledCell | None:
    """The cell of the base alone with the same dataset, base model, token budget and sampling; None for one itself.

    Another pair will do if its base is the same model. Of several it is one with problems in common, and of these the
    one with most knobs in common.
    """
    if ours.cell.scheme is SchemeName.BASE:
        return None
    fitting = [each for each in cells if each.cell.scheme is SchemeName.BASE and _fits(ours, each)]
    return max(fitting, key=lambda each: _likeness(ours, each), default=None)


def speedup_over(base: PooledCell, ours: PooledCell) -> Interval | None:
    """The base's mean latency over ours, over the jobs that are timed in both."""
    here, there = _shared(ours, base)
    return speedup(
        ours.problem[here],
        base.numbers("latency_s", base.is_timed)[there],
        ours.numbers("latency_s", ours.is_timed)[here],
    )


def gap_to(base: PooledCell, ours: PooledCell) -> Figure | None:
    """pass@1 of the base (A) and ours (B), over the jobs that are graded in both."""
    here, there = _shared(ours, base)
    return shares(ours.problem[here], base.numbers("is_correct")[there], ours.numbers("is_correct")[here])


def same_base(ours: PooledCell, theirs: PooledCell) -> bool:
    """Whether both have the same base; by the name of the pair where a model is unknown."""
    mine, other = ours.models.get("base"), theirs.models.get("base")
    return ours.cell.pair == theirs.cell.pair if mine is None or other is None else mine == other


def _fits(ours: PooledCell, base: PooledCell) -> bool:
    return (
        ours.cell.dataset == base.cell.dataset
        and all(ours.cell.knob(name) == base.cell.knob(name) for name in CONDITIONS)
        and same_base(ours, base)
    )


def _likeness(ours: PooledCell, base: PooledCell) -> tuple[bool, int, bool]:
    has_shared = bool(np.isin(ours.problem, base.problem).any())
    equal = sum(ours.cell.knob(name) == value for name, value in base.cell.knobs)
    return has_shared, equal, ours.cell.pair == base.cell.pair


def _shared(ours: PooledCell, theirs: PooledCell) -> tuple[list[int], list[int]]:
    """The places of the jobs of the same problem and repeat, in both."""
    there = {key: place for place, key in enumerate(_keys(theirs))}
    pairs = [(place, there[key]) for place, key in enumerate(_keys(ours)) if key in there]
    return [here for here, _ in pairs], [other for _, other in pairs]


def _keys(cell: PooledCell) -> list[tuple[int, int]]:
    return list(zip(cell.problem.tolist(), cell.jobs["repeat"], strict=True))
