"""An event loop on which hours pass at once: when every task waits for the clock, the clock goes on to the next one."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
Clock = Callable[[], float]


def in_virtual_time(main: Callable[[Clock], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main`, which is given the clock of its loop. The clock starts at zero and counts seconds."""
    loop = _VirtualTimeLoop()
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


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now
