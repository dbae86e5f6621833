"""How many standard errors a bound lies from a mean, where values are few or have long tails."""

from __future__ import annotations

import math

from specreason.evaluation.scientific import np, special

TAIL = 0.025  # outside a 95 % interval, on each side


def quantile_of_t(num_clusters: float) -> float:
    """The number for `num_clusters` problems, more than one, whose values have no long tails."""
    return float(special.stdtrit(num_clusters - 1, 1 - TAIL))


def students(values: np.ndarray) -> float:
    """The number for these values. Long tails leave the spread uncertain, as fewer values would do (Box 1953)."""
    squares = (values - values.mean()) ** 2
    second = float(squares.mean())
    excess = float(squares @ squares) / len(values) / second**2 - 3 if second > 0 else 0.0
    return quantile_of_t(1 + (len(values) - 1) / (1 + max(excess, 0.0) / 2))


def halls(values: np.ndarray) -> tuple[float, float]:
    """The numbers below and above the mean, which Hall (1992) moves towards the longer tail. They are signed.

    The values are not all equal.
    """
    t, skewness = quantile_of_t(len(values)), _skewness(values) / math.sqrt(len(values))
    return -_inverse(t, skewness), -_inverse(-t, skewness)


def _inverse(quantile: float, skewness: float) -> float:
    """The inverse of Hall's cubic transformation; `skewness` is that of the mean."""
    if abs(skewness) < 1e-6:
        return quantile
    inner = 1 + skewness * (quantile - skewness / 6)
    return 3 / skewness * (math.copysign(abs(inner) ** (1 / 3), inner) - 1)


def _skewness(values: np.ndarray) -> float:
    """The adjusted Fisher-Pearson coefficient; 0 for two values."""
    m, deviations = len(values), values - values.mean()
    squares = deviations**2
    plain = float(squares @ deviations) / m / float(squares.mean()) ** 1.5
    return plain * math.sqrt(m * (m - 1)) / (m - 2) if m > 2 else 0.0
