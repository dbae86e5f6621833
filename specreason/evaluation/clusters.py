"""Intervals over problems: all repeats of a problem are one cluster, because they resemble each other.

Each function takes one number per problem. Where problems have different numbers of repeats, a figure is a ratio of two
sums, and its error that of the ratio's linearization (Cochran 1977, ch. 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np, stats

CONFIDENCE = 0.95


def quantile_of_t(num_clusters: int) -> float:
    """How many standard errors are half an interval over `num_clusters` problems."""
    return math.inf if num_clusters < 2 else float(stats.t.ppf((1 + CONFIDENCE) / 2, num_clusters - 1))


def linearized(sums: Sequence[float], counts: Sequence[float]) -> np.ndarray:
    """One value per problem, whose mean is sum(sums) / sum(counts), and whose spread is that of the ratio."""
    x, n = np.asarray(sums, dtype=float), np.asarray(counts, dtype=float)
    ratio = x.sum() / n.sum()
    linear: np.ndarray = ratio + (x - ratio * n) / n.mean()
    return linear


def mean_over_problems(sums: Sequence[float], counts: Sequence[float]) -> Interval:
    """The mean of a figure over all jobs: `sums` of it and `counts` of jobs, by problem. For times and tokens.

    Times and tokens have long tails to the right: the interval allows for their skewness (Hall 1992).
    """
    values = linearized(sums, counts)
    mean, m = float(values.mean()), len(values)
    deviation = float(values.std(ddof=1)) if m > 1 else math.inf
    if not 0 < deviation < math.inf:
        return Interval(mean=mean, low=mean - deviation, high=mean + deviation)
    skewness, t = float(stats.skew(values, bias=False)) if m > 2 else 0.0, quantile_of_t(m)
    low, high = (_unskewed(bound, skewness / math.sqrt(m)) for bound in (t, -t))
    error = deviation / math.sqrt(m)
    return Interval(mean=mean, low=mean - low * error, high=mean - high * error)


def _unskewed(quantile: float, skewness: float) -> float:
    """The inverse of Hall's cubic transformation; `skewness` is that of the mean."""
    if abs(skewness) < 1e-6:
        return quantile
    inner = 1 + skewness * (quantile - skewness / 6)
    return 3 / skewness * (math.copysign(abs(inner) ** (1 / 3), inner) - 1)


def share_over_problems(hits: Sequence[float], counts: Sequence[float]) -> Interval:
    """The share of hits among all jobs, such as pass@1: Wilson's interval at the effective number of problems.

    That number is how many independent problems would give the mean the spread that it has (Korn and Graubard 1998):
    more than there are problems where repeats of one differ, at most the number of jobs.
    """
    values = linearized(hits, counts)
    mean, m, num_jobs = min(1.0, max(0.0, float(values.mean()))), len(values), float(np.sum(counts))
    spread = float(values.var(ddof=1)) / m if m > 1 else 0.0
    effective = mean * (1 - mean) / spread if spread > 0 else float(m)
    effective = min(max(effective, 1.0), num_jobs)
    z = quantile_of_t(m) if m > 1 else float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (mean + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z / (1 + z * z / effective) * math.sqrt(mean * (1 - mean) / effective + (z / (2 * effective)) ** 2)
    return Interval(mean=mean, low=max(0.0, centre - half), high=min(1.0, centre + half))


def difference_of_shares(differences: Sequence[float], counts: Sequence[float]) -> Interval:
    """The paired difference of two shares: by problem, hits of the one less hits of the other, and pairs.

    Half a problem is added to each of the four outcomes (Agresti and Min 2005), so that unanimous answers have an
    interval, too. With more repeats an added problem weighs less.
    """
    values = linearized(differences, counts)
    n = len(values) + 2
    centre = float(values.sum()) / n
    spread = (float((values**2).sum()) + 1 / float(np.mean(counts))) / n - centre**2
    half = quantile_of_t(len(values) + 1) * math.sqrt(spread / n)
    return Interval(mean=float(values.mean()), low=max(-1.0, centre - half), high=min(1.0, centre + half))


def difference_over_problems(differences: Sequence[float], counts: Sequence[float]) -> Interval:
    """The paired difference of two means: by problem, the sum of differences, and pairs. For times and tokens."""
    return mean_over_problems(differences, counts)


def ratio_of_means(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The ratio of two means over the same problems, such as a speedup; its interval is symmetric in the logarithm.

    `ours` and `theirs` are sums by problem over the same jobs, and positive together.
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    ratio, m = float(a.sum() / b.sum()), len(a)
    spread = float((a / a.mean() - b / b.mean()).std(ddof=1)) / math.sqrt(m) if m > 1 else math.inf
    half = quantile_of_t(m) * spread if spread > 0 else 0.0
    return Interval(mean=ratio, low=ratio * math.exp(-half), high=ratio * math.exp(min(half, 700.0)))


def quantile_over_problems(values: Sequence[float], problems: Sequence[int], share: float) -> Interval:
    """The value that `share` of all jobs do not exceed, by Woodruff's interval: one value and one problem per job."""
    order = np.sort(np.asarray(values, dtype=float))
    point = float(np.quantile(order, share))
    _, of_problem = np.unique(np.asarray(problems), return_inverse=True)
    below = np.bincount(of_problem, weights=np.asarray(values) <= point)
    within = share_over_problems(below.tolist(), np.bincount(of_problem).tolist())
    # The interval of the share below the point, laid around `share` and read off the values.
    low, high = share - (within.mean - within.low), share + (within.high - within.mean)
    bounds = np.quantile(order, [min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)])
    return Interval(mean=point, low=float(bounds[0]), high=float(bounds[1]))
