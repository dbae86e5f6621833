"""When a process that keeps ending is started again: after pauses that double, unless it had lived for long."""

from __future__ import annotations

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
HEALTHY = 10  # a process that lived so many times its last pause begins anew with the first


class RestartBackoff:
    """Ask `due` before each start, and tell when the process `ended`. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._start_at = self._started_at = float("-inf")
        self._pause_s = 0.0

    def due(self, now: float) -> bool:
        """Whether it may start now; if so, it counts as started."""
        if now < self._start_at:
            return False
        self._started_at = now
        return True

    def ended(self, now: float) -> None:
        lived_long = now - self._started_at > HEALTHY * self._pause_s
        self._pause_s = FIRST_PAUSE_S if lived_long else min(LONGEST_PAUSE_S, 2 * self._pause_s)
        self._start_at = now + self._pause_s
