"""How well a score tells two kinds of cases apart: the area under the ROC curve, with an interval over problems."""

from __future__ import annotations

import math
from collections.abc import Sequence

from specreason.evaluation.clusters import quantile_of_t
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np, stats


def auc(scores: Sequence[float], hits: Sequence[bool], problems: Sequence[int]) -> Interval | None:
    """The chance that a hit has a higher score than a miss; ties count half. One score, truth and problem per case.

    The interval takes the cases of a problem as one cluster (Obuchowski 1997), and is symmetric in the logit. None
    unless there are hits and misses.
    """
    x, hit = np.asarray(scores, dtype=float), np.asarray(hits, dtype=bool)
    num_hits, num_misses = int(hit.sum()), int((~hit).sum())
    if not num_hits or not num_misses:
        return None
    ranks = stats.rankdata(x)
    above = (ranks[hit] - stats.rankdata(x[hit])) / num_misses  # the share of misses below each hit
    below = 1 - (ranks[~hit] - stats.rankdata(x[~hit])) / num_hits  # the share of hits above each miss
    area = float(above.mean())
    _, cluster = np.unique(np.asarray(problems), return_inverse=True)
    of_hits = np.bincount(cluster[hit], weights=above - area, minlength=cluster.max() + 1)
    of_misses = np.bincount(cluster[~hit], weights=below - area, minlength=cluster.max() + 1)
    spread = (
        _spread(of_hits, of_hits, len(np.unique(cluster[hit]))) / num_hits**2
        + _spread(of_misses, of_misses, len(np.unique(cluster[~hit]))) / num_misses**2
        + 2 * _spread(of_hits, of_misses, len(of_hits)) / (num_hits * num_misses)
    )
    return _on_the_logit(area, max(spread, 0.0), len(of_hits))


def _spread(ours: np.ndarray, theirs: np.ndarray, num_clusters: int) -> float:
    return float(ours @ theirs) * num_clusters / (num_clusters - 1) if num_clusters > 1 else math.inf


def _on_the_logit(area: float, variance: float, num_clusters: int) -> Interval:
    half = quantile_of_t(num_clusters) * math.sqrt(variance)
    if not 0 < area < 1 or not math.isfinite(half):
        return Interval(mean=area, low=0.0, high=1.0)
    logit, width = math.log(area / (1 - area)), half / (area * (1 - area))
    low, high = (1 / (1 + math.exp(min(-(logit + side * width), 700.0))) for side in (-1, 1))
    return Interval(mean=area, low=low, high=high)
