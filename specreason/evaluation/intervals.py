"""An estimate with its interval, and the interval of a share. All that the core needs: no numpy, no scipy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Z_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate and its 95 % interval. The bounds are None together where the data are too few for an interval."""

    mean: float
    low: float | None
    high: float | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both bounds as plain numbers, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def within(interval: Interval, written: Callable[[float], str]) -> str | None:
    """The interval in words, 0.44 to 0.60, each bound as `written` says; None without one. A dash could be a minus."""
    return None if interval.bounds is None else " to ".join(map(written, interval.bounds))


def pass_at_1_interval(mean: float, num_problems: int) -> Interval:
    """The interval of pass@1 over at least one problem, from the share alone. See `clusters` for one from the grades.

    Repeats narrow the mean but not the interval: problems, not repeats, are the sample.
    """
    low, high = wilson(mean, num_problems)
    return Interval(mean=mean, low=low, high=high)


def wilson(share: float, num: float, quantile: float = Z_95) -> tuple[float, float]:
    """The bounds of a share of `num` independent cases (Wilson 1927); `quantile` is the number of standard errors."""
    z2 = quantile**2
    centre = (share + z2 / (2 * num)) / (1 + z2 / num)
    half = quantile / (1 + z2 / num) * math.sqrt(share * (1 - share) / num + z2 / (4 * num * num))
    return max(0.0, centre - half), min(1.0, centre + half)
