"""Device time: each instant in which a pair works, shared equally among its calls in flight.

A worker's devices serve many jobs at once, so a job's latency says little about what it costs. The shares of all calls
add up to the time in which at least one of them was in flight. A call belongs to a job only once a step with it is
stored: what a killed worker, an error or a cancellation cuts short is lost, and no job is charged for it.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self

# The fewest entries of the history for which it is worth looking which ones are still needed.
LEAST_HISTORY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTime:
    """Seconds of device time, apart by what was done: reading a prompt up to the first token, and writing the rest."""

    prefill_s: float = 0.0
    decode_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.prefill_s + self.decode_s

    def __add__(self, other: DeviceTime) -> DeviceTime:
        return DeviceTime(prefill_s=self.prefill_s + other.prefill_s, decode_s=self.decode_s + other.decode_s)


class Meter:
    """One per loaded pair: it knows the calls in flight in both engines. Safe for threads and event loops.

    `_share` is what a call that was in flight from the beginning would have by now: it grows by 1/n of the time while
    n calls are in flight. So the share of a call is the difference between its end and its start.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` tells seconds and never goes back. Engines must measure their calls in the same seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._share = 0.0
        # The start of each call in flight.
        self._began: dict[MeteredCall, float] = {}
        # Moments at which a call started or ended, and the share at each: back to the oldest start in flight.
        self._history: list[tuple[float, float]] = []
        self._enough = LEAST_HISTORY

    def call(self) -> MeteredCall:
        """A call, to be made in a `with` block of its own."""
        return MeteredCall(self)

    def start(self, call: MeteredCall) -> None:
        """Count `call` as in flight."""
        with self._lock:
            self._began[call] = self._pass()

    def end(self, call: MeteredCall, first_token_s: float | None) -> DeviceTime:
        """Take `call` out of flight; return its shares before and after its first token."""
        with self._lock:
            now = self._pass()
            began = self._began.pop(call)
            first_token = now if first_token_s is None else min(began + max(first_token_s, 0.0), now)
            start, middle, end = map(self._share_at, (began, first_token, now))
            self._forget(now)
        if first_token_s is None:
            return DeviceTime(decode_s=end - start)
        return DeviceTime(prefill_s=middle - start, decode_s=end - middle)

    def _pass(self) -> float:
        """Share out the time since the last change, and return the present moment."""
        now = self._clock()
        if self._began:
            self._share += (now - self._history[-1][0]) / len(self._began)
        self._history.append((now, self._share))
        return now

    def _share_at(self, moment: float) -> float:
        """The share at a moment since the oldest start in flight: it grows evenly between two entries."""
        place = bisect_right(self._history, (moment, inf))
        before, share = self._history[place - 1]
        if place == len(self._history) or moment == before:
            return share
        after, later = self._history[place]
        return share + (later - share) * (moment - before) / (after - before)

    def _forget(self, now: float) -> None:
        """Drop the entries before the oldest start in flight, whenever the history has doubled."""
        if len(self._history) >= self._enough:
            oldest = min(self._began.values(), default=now)
            del self._history[: bisect_right(self._history, (oldest, inf)) - 1]
            self._enough = max(LEAST_HISTORY, 2 * len(self._history))


class MeteredCall:
    """One call in flight while its `with` block runs. `device` is what it used, also if the block ends by an error."""

    __slots__ = ("_first_token_s", "_meter", "device")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._first_token_s: float | None = None
        self.device = DeviceTime()

    def __enter__(self) -> Self:
        self._meter.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.device = self._meter.end(self, self._first_token_s)

    def first_token_after(self, seconds: float) -> None:
        """Say when the first token came, counted from the start. An aborted call cannot: all of it counts as decode."""
        self._first_token_s = seconds
