"""Which acceptance thresholds differ at all: two that decide every draft alike are one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from specreason.config import ScoreMethod
from specreason.evaluation.scientific import np

# The whole digits, and for expected scores also what lies between: near 9 is where most of these lie.
CANDIDATES = {
    ScoreMethod.GREEDY: tuple(float(digit) for digit in range(10)),
    ScoreMethod.EXPECTED: (*(half / 2 for half in range(18)), 8.9, 8.99, 8.999, 9.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Thresholds from `low` to `high` that keep the same drafts. `threshold` is one of them, if it can the present."""

    low: float
    high: float
    threshold: float


def differing(scores: np.ndarray, method: ScoreMethod, present: float | None = None) -> Iterator[Alike]:
    """The thresholds that differ on these scores, from the lowest. NaN is no score, and is never kept."""
    ordered = np.sort(scores[~np.isnan(scores)])
    candidates = sorted({*CANDIDATES[method], *(() if present is None else (present,))})

    def num_below(threshold: float) -> int:
        return int(np.searchsorted(ordered, threshold, side="left"))

    for _, group in groupby(candidates, key=num_below):
        alike = list(group)
        threshold = present if present is not None and present in alike else alike[-1]
        yield Alike(low=alike[0], high=alike[-1], threshold=threshold)
