"""Isolation of a quarantined job: ordinary jobs share the worker, a job that may kill workers has it to itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHECK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class HolderTime:
    """The time `at_s` of one clock, and the seconds that each holder of a lock has held it until then, summed."""

    at_s: float
    held_s: float

    def mean_since(self, earlier: HolderTime) -> float:
        """The mean number of holders between two different times."""
        return (self.held_s - earlier.held_s) / (self.at_s - earlier.at_s)


class SharedOrExclusive:
    """A lock that many may share or one may hold alone; an exclusive request keeps newcomers out while it waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_holders = 0
        # Exclusive requests that wait or hold the lock.
        self._num_exclusive = 0
        self._until = HolderTime(time.monotonic(), 0.0)

    @property
    def num_holders(self) -> int:
        return self._num_holders

    def holder_time(self) -> HolderTime:
        """The holders, summed over time until now."""
        with self._changed:
            self._add_holders(0)
            return self._until

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Hold the lock with others; yields the number of holders, this one included."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_exclusive == 0)
            self._add_holders(1)
            num_holders = self._num_holders
        try:
            yield num_holders
        finally:
            self._leave()

    @contextmanager
    def exclusive(self, still_wanted: Callable[[], bool]) -> Iterator[bool]:
        """Hold the lock alone: yields True. Yields False, without the lock, once `still_wanted` returns False.

        `still_wanted` is called before each wait of at most CHECK_EVERY_S seconds.
        """
        with self._changed:
            self._num_exclusive += 1
        try:
            is_holder = self._wait_until_alone(still_wanted)
            try:
                yield is_holder
            finally:
                if is_holder:
                    self._leave()
        finally:
            with self._changed:
                self._num_exclusive -= 1
                self._changed.notify_all()

    def _wait_until_alone(self, still_wanted: Callable[[], bool]) -> bool:
        while still_wanted():
            with self._changed:
                if self._changed.wait_for(lambda: self._num_holders == 0, CHECK_EVERY_S):
                    self._add_holders(1)
                    return True
        return False

    def _leave(self) -> None:
        with self._changed:
            self._add_holders(-1)
            self._changed.notify_all()

    def _add_holders(self, number: int) -> None:
        """Change the number of holders. Call it with the lock of `_changed`."""
        now = time.monotonic()
        self._until = HolderTime(now, self._until.held_s + self._num_holders * (now - self._until.at_s))
        self._num_holders += number
