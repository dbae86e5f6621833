"""The cost of a batch beside that of another one, also where numpy and scipy are missing: then without an interval."""

from __future__ import annotations

from collections import defaultdict

from specreason.errors import ExtraMissing, InputError
from specreason.evaluation.comparison.matching import match
from specreason.evaluation.cost import CostRatio
from specreason.evaluation.intervals import Interval
from specreason.evaluation.runs import Run


def cost_ratio(a: Run, b: Run) -> CostRatio | None:
    """The GPU-seconds of B over those of A, as in a comparison; None if they are known of no job in both."""
    try:
        matched = match(a, b)
    except InputError:
        return None
    ours, theirs = a.gpu_s(), b.gpu_s()
    of_a: dict[int, float] = defaultdict(float)
    of_b: dict[int, float] = defaultdict(float)
    for number, place, other in matched.pairs:
        one, two = ours[place], theirs[other]
        if one is not None and two is not None:
            of_a[number] += one
            of_b[number] += two
    found = _ratio(list(of_b.values()), list(of_a.values()))
    if found is None:
        return None
    return CostRatio(num_problems=len(of_a), ratio=found.mean, low=found.low, high=found.high)


def _ratio(b: list[float], a: list[float]) -> Interval | None:
    try:
        from specreason.evaluation.clusters import ratio_of_means
    except ExtraMissing:
        return Interval(mean=sum(b) / sum(a), low=None, high=None) if sum(a) and sum(b) else None
    return ratio_of_means(b, a)
