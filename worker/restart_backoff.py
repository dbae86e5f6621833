"""When a process that keeps ending may start again: after pauses that double, unless it has lived for long."""

from __future__ import annotations

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
# A process that lives longer than this many times its last pause is healthy: its next pause is the first one again.
HEALTHY = 10


class RestartBackoff:
    """Ask `due` before each start, and report each end to `ended`. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._start_at = self._started_at = float("-inf")
        self._pause_s = 0.0

    def due(self, now: float) -> bool:
        """Whether the process may start now. True counts as a start at `now`."""
        if now < self._start_at:
            return False
        self._started_at = now
        return True

    def ended(self, now: float) -> None:
        """Record that the process ended at `now`, and set the pause before its next start."""
        lived_long = now - self._started_at > HEALTHY * self._pause_s
        self._pause_s = FIRST_PAUSE_S if lived_long else min(LONGEST_PAUSE_S, 2 * self._pause_s)
        self._start_at = now + self._pause_s
