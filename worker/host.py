"""The pair host: one event loop, in a thread of its own, that owns both engines and every running step loop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from specreason.engines.base import ModelPair
from specreason.errors import EngineDead

T = TypeVar("T")

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 0.5


class PairHost:
    """Celery's threads hand their coroutines to this loop and wait; the engines batch what runs together."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pair-host", daemon=True)
        self._thread.start()

    def report_progress(self, pair: ModelPair, fd: int, on_death: Callable[[], None]) -> Future[None]:
        """Write a newline to `fd` from time to time, as long as the loop turns and no engine sits on its work.

        `on_death` is called when an engine has died, even one that had nothing to do. Cancel what this returns before
        the pair is closed.
        """
        os.set_blocking(fd, False)
        return self.submit(_report_progress(pair, fd, on_death))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and wait for its result. Call from any thread but the loop's."""
        return self.submit(coroutine).result()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine` on the loop; cancelling what this returns cancels it there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """End the loop; what still runs on it is dropped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        if not self._thread.is_alive():
            self._loop.close()


async def _report_progress(pair: ModelPair, fd: int, on_death: Callable[[], None]) -> None:
    while True:
        try:
            await asyncio.gather(pair.drafter.check_health(), pair.base.check_health())
        except EngineDead:
            on_death()
            return
        except Exception:  # whatever it is, silence would look like a hung engine
            log.exception("the engines' health cannot be told")
        if max(pair.drafter.silent_s, pair.base.silent_s) < PROGRESS_EVERY_S:
            with suppress(BlockingIOError):  # nobody reads: the supervisor is frozen, which is not our fault
                os.write(fd, b"\n")
        await asyncio.sleep(PROGRESS_EVERY_S)
