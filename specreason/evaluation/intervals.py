"""Figures over graded jobs. Pure functions on numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Z_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate and its 95 % interval. The bounds are None together: then the data has no interval.

    That is so where one problem alone, or problems without any difference, say nothing about others.
    """

    mean: float
    low: float | None
    high: float | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both bounds, or None. The way to reach them as plain numbers."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def pass_at_1_interval(mean: float, num_problems: int) -> Interval:
    """Wilson's interval of pass@1 over at least one problem.

    Repeats narrow the mean but not the interval: problems, not repeats, are the sample.
    """
    n, z2 = num_problems, Z_95**2
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(mean * (1 - mean) / n + z2 / (4 * n * n))
    return Interval(mean=mean, low=max(0.0, centre - half), high=min(1.0, centre + half))


def mean_interval(values: Sequence[float]) -> Interval:
    """The interval of a mean over problems, by the normal approximation. For a paired comparison give differences."""
    mean = fmean(values)
    half = Z_95 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Interval(mean=mean, low=mean - half, high=mean + half)


def ratio_interval(parts: Sequence[float], wholes: Sequence[float]) -> Interval:
    """The interval of mean(parts) / mean(wholes), paired by problem, by linearization around the two means."""
    whole = fmean(wholes)
    ratio = fmean(parts) / whole
    return mean_interval([ratio + (p - ratio * w) / whole for p, w in zip(parts, wholes, strict=True)])


def paired_share_interval(ours: Sequence[bool], theirs: Sequence[bool]) -> Interval:
    """The interval of the difference of two shares over the same problems, even if none of the problems differs.

    Half a problem is added to each of the four outcomes (Agresti and Min 2005): without that the interval of
    unanimous answers would have no width. `mean` is the plain difference.
    """
    pairs = list(zip(ours, theirs, strict=True))
    n = len(pairs) + 2
    won, lost = (sum(a > b for a, b in pairs) + 0.5, sum(a < b for a, b in pairs) + 0.5)
    centre = (won - lost) / n
    half = Z_95 * math.sqrt(won + lost - (won - lost) ** 2 / n) / n
    return Interval(
        mean=fmean(a - b for a, b in pairs), low=max(-1.0, centre - half), high=min(1.0, centre + half)
    )
