"""How fast jobs end, how long the rest will take, and both in words. The commands and the pages say it alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

from specreason.evaluation.intervals import Z_95, Interval

# The rate covers at least this much of both: enough to be steady, little enough to be current.
WINDOW_S, WINDOW_JOBS = 60.0, 20
RATES = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))
# Each unit: times below this many seconds use it, the seconds of one, its name.
TIMES = ((90.0, 1.0, "s"), (5400.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """So many jobs ended within `seconds`."""

    num_ended: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.num_ended / max(self.seconds, 1e-3)

    def left_s(self, num_left: int) -> Interval | None:
        """Seconds until so many more have ended, if they go on alike; None while no job has ended.

        The bounds take the ends of jobs as independent of each other: the root of such a count has a standard deviation
        of about a half (Anscombe 1948). Without a high bound where so few ended that there is none.
        """
        if not self.num_ended:
            return None
        fastest, slowest = (math.sqrt(self.num_ended) + sign * Z_95 / 2 for sign in (1, -1))
        of_all = num_left * max(self.seconds, 1e-3)
        if slowest <= 0:
            return Interval(mean=of_all / self.num_ended, low=None, high=None)
        return Interval(mean=of_all / self.num_ended, low=of_all / fastest**2, high=of_all / slowest**2)


def rate_in_words(rate: float) -> str:
    """Return the rate, from jobs per second; empty if it is 0."""
    if not rate:
        return ""
    seconds, unit = next((each for each in RATES if rate * each[0] >= 1), RATES[-1])
    return f"{rate * seconds:.1f}/{unit}"


def left_in_words(rate: float, num_left: int) -> str:
    """Return how long `num_left` jobs take at `rate` jobs per second; empty if either is 0."""
    if not rate or not num_left:
        return ""
    seconds = num_left / rate
    return "almost done" if seconds < 1 else f"about {time_in_words(seconds)} left"


def time_in_words(seconds: float) -> str:
    """Return a time that is estimated, in one unit: 40 s, 12 min, 3.5 h."""
    _, of_one, unit = next(each for each in TIMES if seconds < each[0])
    return f"{seconds / of_one:.{0 if unit != 'h' else 1}f} {unit}"
