"""Whether two scores of the same steps put them in the same order: Spearman's rank correlation, with an interval."""

from __future__ import annotations

import math

from specreason.evaluation.bounds import students
from specreason.evaluation.clusters import ROUNDING
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import Numbers, np


def spearman(ours: Numbers, theirs: Numbers, problems: Numbers) -> Interval | None:
    """Spearman's rho; equal scores share the mean of their ranks. One score of each kind and one problem per step.

    The interval takes the steps of a problem as one cluster: it is made of the influence that each problem has on rho
    (the infinitesimal jackknife, Efron 1982), and symmetric in Fisher's transformation. There is none for one problem,
    nor where no problem would change rho. None without two different scores of each kind.
    """
    u, v = _centred_ranks(ours), _centred_ranks(theirs)
    if not len(u):
        return None
    spread_u, spread_v = float(u @ u) / len(u), float(v @ v) / len(v)
    if spread_u <= ROUNDING or spread_v <= ROUNDING:
        return None
    together = float(u @ v) / len(u)
    scale = math.sqrt(spread_u * spread_v)
    rho = min(1.0, max(-1.0, together / scale))
    # What a little more weight on each step would change, times the number of steps.
    change = u * v + _sum_above(ours, v) + _sum_above(theirs, u) - 3 * together
    change_u = u * u + 2 * _sum_above(ours, u) - 3 * spread_u
    change_v = v * v + 2 * _sum_above(theirs, v) - 3 * spread_v
    influence = change / scale - rho / 2 * (change_u / spread_u + change_v / spread_v)
    _, cluster = np.unique(np.asarray(problems), return_inverse=True)
    of_problems = np.bincount(cluster, weights=influence)
    return _interval(rho, of_problems * len(of_problems) / len(u))


def _interval(rho: float, influence: np.ndarray) -> Interval:
    """Around `rho`, which is the mean over problems of `rho` plus the `influence` of each."""
    m = len(influence)
    error = float(influence.std(ddof=1)) / math.sqrt(m) if m > 1 else 0.0
    if error <= 1e-9 or abs(rho) >= 1 - ROUNDING:
        return Interval(mean=rho, low=None, high=None)
    half = students(influence) * error / (1 - rho * rho)
    middle = math.atanh(rho)
    return Interval(mean=rho, low=math.tanh(middle - half), high=math.tanh(middle + half))


def _centred_ranks(scores: Numbers) -> np.ndarray:
    """The share of scores below each, those equal to it counted half, less one half."""
    places, counts = _places(scores)
    share = (np.cumsum(counts) - counts / 2) / len(places)
    ranks: np.ndarray = share[places] - 0.5
    return ranks


def _sum_above(scores: Numbers, values: np.ndarray) -> np.ndarray:
    """For each step the sum of `values` over steps with a higher score, those with its own counted half, per step."""
    places, counts = _places(scores)
    sums = np.bincount(places, weights=values, minlength=len(counts))
    above = np.cumsum(sums[::-1])[::-1] - sums / 2
    found: np.ndarray = above[places] / len(places)
    return found


def _places(scores: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Where each score stands among the different ones, and how often each of these comes."""
    _, places, counts = np.unique(np.asarray(scores, dtype=float), return_inverse=True, return_counts=True)
    return places, counts
