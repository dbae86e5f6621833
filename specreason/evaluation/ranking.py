"""How well a score tells two kinds of cases apart: the area under the ROC curve, with an interval over problems."""

from __future__ import annotations

import math
from collections.abc import Sequence

from specreason.evaluation.bounds import quantile_of_t
from specreason.evaluation.intervals import Interval, wilson
from specreason.evaluation.scientific import Numbers, np


def auc(scores: Numbers, hits: Sequence[bool] | np.ndarray, problems: Numbers) -> Interval | None:
    """The chance that a hit has a higher score than a miss; ties count half. One score, truth and problem per case.

    The interval takes the cases of a problem as one cluster (Obuchowski 1997), and is symmetric in the logit. There is
    none where all hits or all misses come from one problem, or all scores are equal. None without a hit or a miss.
    """
    hit = np.asarray(hits, dtype=bool)
    if hit.all() or not hit.any():
        return None
    above, below = _placements(scores, hit)
    area = float(above.mean())
    clusters = _Clusters(hit, problems)
    if clusters.fewest < 2:
        return Interval(mean=area, low=None, high=None)
    if area in {0.0, 1.0}:
        low, high = wilson(area, clusters.fewest)  # their spread is 0: as if one case of each problem counted
        return Interval(mean=area, low=low, high=high)
    half = clusters.half_width(above - area, below - area) / (area * (1 - area))
    if half == 0:
        return Interval(mean=area, low=None, high=None)
    logit = math.log(area / (1 - area))
    low, high = (1 / (1 + math.exp(min(-bound, 700.0))) for bound in (logit - half, logit + half))
    return Interval(mean=area, low=low, high=high)


def auc_difference(
    ours: Numbers, theirs: Numbers, hits: Sequence[bool] | np.ndarray, problems: Numbers
) -> Interval | None:
    """How much larger the area of one score is than that of another over the same cases, as `auc` (DeLong 1988).

    There is no interval where the two put all cases in the same order.
    """
    hit = np.asarray(hits, dtype=bool)
    if hit.all() or not hit.any():
        return None
    (above, below), (other_above, other_below) = _placements(ours, hit), _placements(theirs, hit)
    difference = float(above.mean() - other_above.mean())
    clusters = _Clusters(hit, problems)
    if clusters.fewest < 2:
        return Interval(mean=difference, low=None, high=None)
    half = clusters.half_width(above - other_above - difference, below - other_below - difference)
    if half == 0:
        return Interval(mean=difference, low=None, high=None)
    return Interval(mean=difference, low=max(-1.0, difference - half), high=min(1.0, difference + half))


def _placements(scores: Numbers, hit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share of misses below each hit, and of hits above each miss."""
    x = np.asarray(scores, dtype=float)
    return _share_below(x[hit], x[~hit]), 1 - _share_below(x[~hit], x[hit])


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of `others` below each value; equal ones count half."""
    order = np.sort(others)
    below: np.ndarray = np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")
    return below / (2 * len(others))


class _Clusters:
    """Which problem each hit and each miss belongs to."""

    def __init__(self, hit: np.ndarray, problems: Numbers) -> None:
        names, cluster = np.unique(np.asarray(problems), return_inverse=True)
        self._num = len(names)
        self._of_hits, self._of_misses = cluster[hit], cluster[~hit]
        self._with_hits, self._with_misses = (len(np.unique(c)) for c in (self._of_hits, self._of_misses))
        self.fewest = min(self._with_hits, self._with_misses)

    def half_width(self, above: np.ndarray, below: np.ndarray) -> float:
        """Half an interval, from the deviation of each hit's and of each miss's placement from its mean."""
        hits = np.bincount(self._of_hits, weights=above, minlength=self._num) / len(above)
        misses = np.bincount(self._of_misses, weights=below, minlength=self._num) / len(below)
        variance = (
            _spread(hits, hits, self._with_hits)
            + _spread(misses, misses, self._with_misses)
            + 2 * _spread(hits, misses, self._num)
        )
        return quantile_of_t(self.fewest) * math.sqrt(max(variance, 0.0))


def _spread(ours: np.ndarray, theirs: np.ndarray, num_clusters: int) -> float:
    return float(ours @ theirs) * num_clusters / (num_clusters - 1)
