"""How fast jobs end, how long the rest will take, and when another line about it is due."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LINE_EVERY_S = 10.0

# The rate covers at least this much of both: enough to be steady, little enough to be current.
WINDOW_S, WINDOW_JOBS = 60.0, 20
RATES = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))
# Each unit: times below this many seconds use it, the seconds of one, its name.
TIMES = ((90.0, 1.0, "s"), (5400.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


@dataclass(slots=True)
class Beat:
    """Decides when the next line of a log is due: at once, then every `every_s`. Times are seconds of one clock."""

    every_s: float
    _next_s: float = float("-inf")

    def is_due(self, now_s: float) -> bool:
        """True if a line is due; the line counts as written then."""
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self.every_s
        return True


@dataclass(slots=True)
class Pace:
    """Measures how fast jobs end, from repeated counts. Times are seconds of one clock."""

    _changes: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, now_s: float, num_ended: int) -> float:
        """Return jobs per second over the last counts. 0 until a job has ended since the first count."""
        changes = self._changes
        if not changes or changes[-1][1] != num_ended:
            changes.append((now_s, num_ended))
        while len(changes) > 1 and self._is_enough(changes[1], now_s, num_ended):
            changes.popleft()
        since_s, before = changes[0]
        return max(0, num_ended - before) / max(now_s - since_s, 1e-3)

    @staticmethod
    def _is_enough(change: tuple[float, int], now_s: float, num_ended: int) -> bool:
        since_s, before = change
        return now_s - since_s >= WINDOW_S and num_ended - before >= WINDOW_JOBS


def pace_in_words(rate: float, num_left: int) -> str:
    """Return rate and time left. `rate` is jobs per second; empty if it is 0 or no job is left."""
    return f"{_rate(rate)}, about {_time(num_left / rate)} left" if rate and num_left else ""


def _rate(rate: float) -> str:
    seconds, unit = next((each for each in RATES if rate * each[0] >= 1), RATES[-1])
    return f"{rate * seconds:.1f}/{unit}"


def _time(seconds: float) -> str:
    _, of_one, unit = next(each for each in TIMES if seconds < each[0])
    return f"{seconds / of_one:.{0 if unit != 'h' else 1}f} {unit}"
