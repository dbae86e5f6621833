"""A figure of two runs over the same jobs, and its difference: each function makes one kind of `Figure`.

`a` and `b` hold one value per pair of jobs, NaN where it is unknown, and `problems` the number of the pair's problem.
A figure is None where no pair is known in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from specreason.evaluation.clusters import (
    difference_of_shares,
    difference_over_problems,
    mean_of,
    mean_over_problems,
    quantile_over_problems,
    ratio_of_means,
    share_of,
    share_over_problems,
)
from specreason.evaluation.comparison.values import Figure
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums by problem, over the pairs that both sides know."""

    a: np.ndarray
    b: np.ndarray
    counts: np.ndarray

    @property
    def num_jobs(self) -> int:
        return int(self.counts.sum())


def _sums(problems: np.ndarray, a: np.ndarray, b: np.ndarray) -> _Sums | None:
    known = ~(np.isnan(a) | np.isnan(b))
    if not known.any():
        return None
    _, of_problem = np.unique(problems[known], return_inverse=True)
    return _Sums(
        np.bincount(of_problem, weights=a[known]),
        np.bincount(of_problem, weights=b[known]),
        np.bincount(of_problem),
    )


def means(problems: np.ndarray, a: np.ndarray, b: np.ndarray) -> Figure | None:
    """Means per job of times or tokens, with their ratio."""
    sums = _sums(problems, a, b)
    if sums is None:
        return None
    return Figure(
        a=_not_negative(mean_over_problems(sums.a, sums.counts)),
        b=_not_negative(mean_over_problems(sums.b, sums.counts)),
        difference=difference_over_problems(sums.b - sums.a, sums.counts),
        ratio=ratio_of_means(sums.b, sums.a),
        num_problems=len(sums.counts),
        num_jobs=sums.num_jobs,
    )


def _not_negative(interval: Interval) -> Interval:
    """The interval of a time or of tokens."""
    low = None if interval.low is None else max(0.0, interval.low)
    return Interval(mean=interval.mean, low=low, high=interval.high)


def speedup(problems: np.ndarray, a: np.ndarray, b: np.ndarray) -> Interval | None:
    """The mean of A over that of B."""
    sums = _sums(problems, a, b)
    return None if sums is None else ratio_of_means(sums.a, sums.b)


def shares(problems: np.ndarray, a: np.ndarray, b: np.ndarray) -> Figure | None:
    """Shares of jobs, such as pass@1: a value is 1 where the job is right, else 0."""
    sums = _sums(problems, a, b)
    if sums is None:
        return None
    return Figure(
        a=share_over_problems(sums.a, sums.counts),
        b=share_over_problems(sums.b, sums.counts),
        difference=difference_of_shares(sums.b - sums.a, sums.counts),
        ratio=None,
        num_problems=len(sums.counts),
        num_jobs=sums.num_jobs,
    )


def chances(a: np.ndarray, b: np.ndarray, num_jobs: int) -> Figure | None:
    """Chances of each problem, such as pass@k, from `num_jobs` jobs in all."""
    if not len(a):
        return None
    return Figure(
        a=share_of(a, num_jobs),
        b=share_of(b, num_jobs),
        difference=difference_of_shares(b - a, np.ones(len(a))),
        ratio=None,
        num_problems=len(a),
        num_jobs=num_jobs,
    )


def quantiles(problems: np.ndarray, a: np.ndarray, b: np.ndarray, share: float) -> Figure | None:
    """The times that `share` of the jobs do not exceed."""
    known = ~(np.isnan(a) | np.isnan(b))
    if not known.any():
        return None
    ours, theirs, of = a[known], b[known], problems[known]
    first, second = quantile_over_problems(ours, of, share), quantile_over_problems(theirs, of, share)
    _, of_problem = np.unique(of, return_inverse=True)
    below = [
        np.bincount(of_problem, weights=(values <= point.mean) - share)
        for values, point in ((ours, first), (theirs, second))
    ]
    return Figure(
        a=first,
        b=second,
        difference=_mover(first, second, _correlation(*below)),
        ratio=None,
        num_problems=len(below[0]),
        num_jobs=len(ours),
    )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _mover(first: Interval, second: Interval, correlation: float) -> Interval:
    """The difference of two estimates from the interval of each and their correlation (Zou and Donner 2008)."""
    difference = second.mean - first.mean
    ours, theirs = first.bounds, second.bounds
    if ours is None or theirs is None:
        return Interval(mean=difference, low=None, high=None)

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))

    low = difference - distance(second.mean - theirs[0], ours[1] - first.mean)
    high = difference + distance(theirs[1] - second.mean, first.mean - ours[0])
    return Interval(mean=difference, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Parts:
    """Of each pair of jobs, a part and the whole that it is of: accepted drafts and drafts; cost and right answers."""

    part_a: np.ndarray
    whole_a: np.ndarray
    part_b: np.ndarray
    whole_b: np.ndarray


def parts(problems: np.ndarray, of: Parts, *, is_share: bool) -> Figure | None:
    """Ratios of two sums over all jobs. A side whose whole is 0 has none.

    Such a ratio is a share if no part is larger than its whole, as of drafts. A problem counts also where its whole is
    0: what it cost is part of the cost of all right answers.
    """
    columns = (of.part_a, of.whole_a, of.part_b, of.whole_b)
    known = ~np.isnan(np.sum(columns, axis=0))
    _, of_problem = np.unique(problems[known], return_inverse=True)
    part_a, whole_a, part_b, whole_b = (np.bincount(of_problem, weights=column[known]) for column in columns)
    ratio_of = _share if is_share else _mean
    a = ratio_of(part_a, whole_a) if whole_a.sum() > 0 else None
    b = ratio_of(part_b, whole_b) if whole_b.sum() > 0 else None
    if a is None and b is None:
        return None
    difference = quotient = None
    if a is not None and b is not None:
        difference = _difference_of_ratios((part_a, whole_a), (part_b, whole_b), is_share)
        quotient = None if is_share else _ratio_of_ratios((part_a, whole_a), (part_b, whole_b))
    return Figure(
        a=a,
        b=b,
        difference=difference,
        ratio=quotient,
        num_problems=len(whole_a),
        num_jobs=int(known.sum()),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> Interval:
    return share_over_problems(part[whole > 0], whole[whole > 0])


def _mean(part: np.ndarray, whole: np.ndarray) -> Interval:
    return _not_negative(mean_of(part.sum() / whole.sum() + _deviations(part, whole)))


def _deviations(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """By how much each problem moves the ratio of the sums, times the number of problems."""
    moved: np.ndarray = (part - part.sum() / whole.sum() * whole) / whole.mean()
    return moved


def _difference_of_ratios(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray], is_share: bool
) -> Interval:
    difference = float(b[0].sum() / b[1].sum() - a[0].sum() / a[1].sum())
    moved = _deviations(*b) - _deviations(*a)
    if np.abs(moved).max() < 1e-12:  # rounding alone, which `mean_of` cannot tell from a difference of 0
        return Interval(mean=difference, low=None, high=None)
    found = mean_of(moved + difference)
    if not is_share or found.bounds is None:
        return found
    low, high = found.bounds
    return Interval(mean=difference, low=max(-1.0, low), high=min(1.0, high))


def _ratio_of_ratios(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> Interval | None:
    ratios = [float(part.sum() / whole.sum()) for part, whole in (a, b)]
    if min(ratios) <= 0:
        return None
    # Around 1 each, so that the logarithm of their ratio moves as that of the two does.
    ours, theirs = (1 + _deviations(*side) / each for side, each in zip((b, a), ratios[::-1], strict=True))
    return scaled(ratio_of_means(ours, theirs), ratios[1] / ratios[0])


def scaled(interval: Interval | None, factor: float) -> Interval | None:
    """The same in another unit."""
    if interval is None:
        return None
    bounds = interval.bounds
    return Interval(
        mean=interval.mean * factor,
        low=None if bounds is None else bounds[0] * factor,
        high=None if bounds is None else bounds[1] * factor,
    )
