"""Many at once, or one alone: the lock between ordinary jobs and a job that may be what kills workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 1.0


class SharedOrExclusive:
    """Whoever wants to be alone waits for those inside to leave; newcomers wait until it has left."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_inside = 0
        self._num_wanting_alone = 0

    @property
    def num_inside(self) -> int:
        return self._num_inside

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Be inside with others; gives how many are, this one included."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_wanting_alone == 0)
            self._num_inside += 1
            inside = self._num_inside
        try:
            yield inside
        finally:
            self._leave()

    @contextmanager
    def exclusive(self, still_wanted: Callable[[], bool]) -> Iterator[bool]:
        """Be inside with nobody else: True. False, and not inside, as soon as `still_wanted` says no to the waiting."""
        with self._changed:
            self._num_wanting_alone += 1
        try:
            is_inside = self._wait_to_be_alone(still_wanted)
            try:
                yield is_inside
            finally:
                if is_inside:
                    self._leave()
        finally:
            with self._changed:
                self._num_wanting_alone -= 1
                self._changed.notify_all()

    def _wait_to_be_alone(self, still_wanted: Callable[[], bool]) -> bool:
        while still_wanted():
            with self._changed:
                if self._changed.wait_for(lambda: self._num_inside == 0, LOOK_EVERY_S):
                    self._num_inside = 1
                    return True
        return False

    def _leave(self) -> None:
        with self._changed:
            self._num_inside -= 1
            self._changed.notify_all()
