"""A deadline that holds whatever a call does: a request may be silent, slow, or look up a name that nobody answers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TypeVar

from specreason.errors import TimedOut

T = TypeVar("T")

# What is left of a deadline counts as this at least, so that one answer can arrive.
LEAST_S = 0.5


@dataclass(frozen=True, slots=True)
class Deadline:
    """When to give up, in seconds of `time.monotonic`."""

    at: float

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline that is `seconds` from now; None: never."""
        return cls(math.inf if seconds is None else time.monotonic() + seconds)

    def or_after(self, seconds: float) -> Deadline:
        """The earlier one of this and `seconds` from now."""
        return min(self, Deadline.after(seconds), key=lambda each: each.at)

    def for_an_answer(self) -> Deadline:
        """This, or the next moment at which one answer can have arrived."""
        return max(self, Deadline.after(LEAST_S), key=lambda each: each.at)

    @property
    def is_never(self) -> bool:
        return math.isinf(self.at)

    @property
    def left_s(self) -> float:
        return max(0.0, self.at - time.monotonic())

    @property
    def timeout_s(self) -> float | None:
        """The seconds that are left; None: there is no end."""
        return None if self.is_never else self.left_s

    @property
    def is_over(self) -> bool:
        return self.left_s <= 0

    def hold(self, call: Callable[[], T]) -> T:
        """The value of `call`. Raises TimedOut at the deadline, and leaves the call to itself."""
        if self.is_never:
            return call()
        future = in_background(call)
        for _ in silences(future, self.for_an_answer(), math.inf):
            pass
        return future.result()


def in_background(call: Callable[[], T]) -> Future[T]:
    """Start the call in a thread of its own, which does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def silences(future: Future[T], deadline: Deadline, every_s: float) -> Iterator[None]:
    """Yield after every `every_s` seconds without a result, and end with it. Raises TimedOut at the deadline."""
    while True:
        patience_s = min(every_s, deadline.left_s)
        if wait([future], None if math.isinf(patience_s) else patience_s).done:
            return
        if deadline.is_over:
            raise TimedOut("the API has not answered in time")
        yield
