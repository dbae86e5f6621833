"""Figures over graded jobs. Pure functions on numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Z_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval around `mean`."""

    mean: float
    low: float
    high: float


def pass_at_1_interval(mean: float, num_problems: int) -> Interval:
    """Wilson's interval of pass@1 over at least one problem.

    Repeats narrow the mean but not the interval: problems, not repeats, are the sample.
    """
    n, z2 = num_problems, Z_95**2
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(mean * (1 - mean) / n + z2 / (4 * n * n))
    return Interval(mean=mean, low=max(0.0, centre - half), high=min(1.0, centre + half))


def mean_interval(values: Sequence[float]) -> Interval:
    """Of a mean over problems, by the normal approximation: give differences for a paired comparison."""
    mean = fmean(values)
    half = Z_95 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Interval(mean=mean, low=mean - half, high=mean + half)
