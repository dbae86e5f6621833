"""Clocks for tests that are about order and durations and are not to wait: an event loop, and a module `time`."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")
Clock = Callable[[], float]


def in_virtual_time(main: Callable[[Clock], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main` on a loop whose clock moves only when every task waits for it, and then at once.

    `main` is given that clock, which counts seconds from zero.
    """
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop.time))


class _Selector(selectors.SelectSelector):
    """Reports what is ready now; a wait that would end by its timeout only moves the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None:
            self.now += max(timeout, 0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock moves only while every task waits for it."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


@dataclass(slots=True)
class FakeTime:
    """Stands in for the module `time`: a sleep returns at once and moves the clock."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
