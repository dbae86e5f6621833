"""Intervals over problems: all repeats of a problem are one cluster, because they resemble each other.

Each function takes one number per problem, and leaves out problems with a count of 0; at least one must remain. Where
problems have different numbers of repeats, a figure is a ratio of two sums, and its error that of the ratio's
linearization (Cochran 1977, ch. 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from specreason.evaluation.bounds import TAIL, halls, quantile_of_t, students
from specreason.evaluation.intervals import Z_95, Interval, wilson
from specreason.evaluation.scientific import Numbers, np, special

ROUNDING = 1e-12  # what it makes of equal values, against their size


def linearized(sums: Numbers, counts: Numbers) -> np.ndarray:
    """One value per problem, whose mean is sum(sums) / sum(counts), and whose spread is that of the ratio."""
    x, n = np.asarray(sums, dtype=float), np.asarray(counts, dtype=float)
    x, n = x[n > 0], n[n > 0]
    if not len(n):
        raise ValueError("no problem has a count above 0")
    ratio = x.sum() / n.sum()
    linear: np.ndarray = ratio + (x - ratio * n) / n.mean()
    return linear


def mean_over_problems(sums: Numbers, counts: Numbers) -> Interval:
    """The mean of a figure over all jobs: `sums` of it and `counts` of jobs, by problem. For times and tokens.

    These have long tails. A tail on one side makes Student's interval too short there, and Hall's allows for it; tails
    on both sides make Hall's too short. So each bound is the wider of both. One problem has no interval, nor have equal
    values, which do not tell how much others would differ.
    """
    return mean_of(linearized(sums, counts))


def mean_of(values: np.ndarray) -> Interval:
    """The mean of one value per problem, as `mean_over_problems`."""
    mean, m = float(values.mean()), len(values)
    if m < 2:
        return Interval(mean=mean, low=None, high=None)
    error = float(values.std(ddof=1)) / math.sqrt(m)
    if error <= ROUNDING * abs(mean):
        return Interval(mean=mean, low=None, high=None)
    student, (below, above) = students(values), halls(values)
    return Interval(
        mean=mean, low=mean + min(-student, below) * error, high=mean + max(student, above) * error
    )


def share_over_problems(hits: Numbers, counts: Numbers) -> Interval:
    """The share of hits among all jobs, such as pass@1: Wilson's interval at the effective number of problems.

    That number is how many independent problems would give the mean the spread that it has (Korn and Graubard 1998):
    more than there are problems where repeats of one differ, at most the number of jobs.
    """
    return share_of(linearized(hits, counts), float(np.sum(counts)))


def share_of(values: np.ndarray, num_jobs: float) -> Interval:
    """The mean of one share per problem, over `num_jobs` jobs in all, as `share_over_problems`."""
    mean = min(1.0, max(0.0, float(values.mean())))
    low, high = wilson(mean, effective_number(values, mean, num_jobs))
    return Interval(mean=mean, low=low, high=high)


def effective_number(values: np.ndarray, share: float, num_jobs: float) -> float:
    """How many independent cases with this `share` are as certain as the mean of `values`, one per problem.

    With one job per problem they are the jobs. Else the spread itself is uncertain: the number is smaller by the ratio
    of the squared quantiles of the normal and the t distribution, so that callers use the normal one.
    """
    m = len(values)
    spread = float(values.var(ddof=1)) / m if m > 1 else 0.0
    if num_jobs <= m or spread <= 1e-15:  # all problems have the same share, as where all answers are right
        return float(m)
    number = min(max(share * (1 - share) / spread, 1.0), num_jobs)
    return number * (Z_95 / students(values)) ** 2


def difference_of_shares(differences: Numbers, counts: Numbers) -> Interval:
    """The paired difference of two shares: by problem, hits of the one less hits of the other, and pairs.

    Half a problem is added to each of the four outcomes (Agresti and Min 2005), so that unanimous answers have an
    interval, too. With repeats, an added problem differs by as much as those that do.
    """
    values = linearized(differences, counts)
    m, centre = len(values) + 2, float(values.sum()) / (len(values) + 2)
    half = quantile_of_t(m - 1) * math.sqrt(variance_of_difference(differences, counts) / m)
    return Interval(mean=float(values.mean()), low=max(-1.0, centre - half), high=min(1.0, centre + half))


def variance_of_difference(differences: Numbers, counts: Numbers) -> float:
    """The variance of one problem's paired difference of shares, with the same half problems added."""
    values = linearized(differences, counts)
    m, total = len(values) + 2, float((values**2).sum())
    num_different = np.count_nonzero(np.asarray(differences))
    return (total + (total / num_different if num_different else 1.0)) / m - (float(values.sum()) / m) ** 2


def difference_over_problems(differences: Numbers, counts: Numbers) -> Interval:
    """The paired difference of two means: by problem, the sum of differences, and pairs. For times and tokens."""
    return mean_over_problems(differences, counts)


def ratio_of_means(ours: Numbers, theirs: Numbers) -> Interval | None:
    """The ratio of two means over the same problems, such as a speedup; its interval is symmetric in the logarithm.

    `ours` and `theirs` are sums by problem over the same jobs. None unless both are positive in all. One problem has no
    interval, nor have problems that all have the same ratio.
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if not len(a) or a.sum() <= 0 or b.sum() <= 0:
        return None
    ratio, m = float(a.sum() / b.sum()), len(a)
    if m < 2:
        return Interval(mean=ratio, low=None, high=None)
    values = a / a.mean() - b / b.mean()
    error = float(values.std(ddof=1)) / math.sqrt(m)
    if error <= ROUNDING:
        return Interval(mean=ratio, low=None, high=None)
    half = min(students(values) * error, 700.0)
    return Interval(mean=ratio, low=ratio * math.exp(-half), high=ratio * math.exp(half))


def figure_of_sums(figure: Callable[[Sequence[float]], float], sums: np.ndarray) -> Interval | None:
    """Any smooth figure of several sums: a row of `sums` per problem, a column per sum.

    The interval is the jackknife's, which leaves out each problem once. Where the figure cannot be computed it raises
    ZeroDivisionError: then there is no figure, or no interval if that is so without one of the problems.
    """
    total, m = sums.sum(axis=0), len(sums)
    try:
        whole = figure(total.tolist())
    except ZeroDivisionError:
        return None
    try:
        without = np.array([figure(rest) for rest in (total - sums).tolist()])
    except ZeroDivisionError:
        return Interval(mean=whole, low=None, high=None)
    around = mean_of(whole + (m - 1) * (without.mean() - without))
    return Interval(mean=whole, low=around.low, high=around.high)


def sums_by_problem(problems: Numbers, *columns: Numbers) -> tuple[np.ndarray, ...]:
    """Of each problem its number of cases, then the sum of each column; `problems` names the problem of each case."""
    _, cluster = np.unique(np.asarray(problems), return_inverse=True)
    return np.bincount(cluster), *(np.bincount(cluster, weights=np.asarray(column)) for column in columns)


def mean_of_cases(values: Numbers, problems: Numbers) -> Interval:
    """The mean over cases, such as jobs or calls: by case its value and its problem."""
    counts, sums = sums_by_problem(problems, values)
    return mean_over_problems(sums, counts)


def quantile_over_problems(values: Numbers, problems: Numbers, share: float) -> Interval:
    """The value that `share` of all cases do not exceed: by case its value and its problem.

    The bounds are ranks among the values, those of as many independent cases as these are worth (Woodruff 1952), where
    they are exact. There are none where even the largest of so many problems or cases may lie below the quantile: a
    95th percentile needs 72 problems, whatever the formula, if repeats agree.
    """
    plain = np.asarray(values, dtype=float)
    order, num = np.sort(plain), len(plain)
    ranks = np.arange(1, num + 1)
    point = float(np.interp(1 + share * (num - 1), ranks, order))
    counts, below = sums_by_problem(problems, plain <= point)
    worth = effective_number(linearized(below, counts), share, num)
    if max(share, 1 - share) ** min(worth, len(counts)) > TAIL:
        return Interval(mean=point, low=None, high=None)
    places = (special.bdtrik([TAIL, 1 - TAIL], worth, share) + 1) / (worth + 1) * (num + 1)
    low, high = np.interp(places, ranks, order).tolist()
    return Interval(mean=point, low=low, high=high)
