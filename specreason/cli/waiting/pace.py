"""How fast jobs end, measured while a command waits, and when another line about it is due."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from specreason.evaluation.pace import WINDOW_JOBS, WINDOW_S

LINE_EVERY_S = 10.0


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


def clock_in_words(seconds: float) -> str:
    """Return a time that goes on, in hours, minutes and seconds: 0:01:40."""
    minutes, whole = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{whole:02}"


def duration_in_words(seconds: float) -> str:
    """Return a time that is over: 7.3 s, 42 s, 1 min 40 s, 2 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
