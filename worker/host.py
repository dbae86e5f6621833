"""The pair host: one event loop, in a thread of its own, runs both engines and every step loop."""

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
    """Runs coroutines for Celery's threads, which wait for them. The engines batch the calls of all of them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pair-host", daemon=True)
        self._thread.start()

    def report_progress(self, pair: ModelPair, fd: int, on_death: Callable[[], None]) -> Future[None]:
        """Write a newline to `fd` every PROGRESS_EVERY_S seconds while the event loop runs and no engine hangs.

        Calls `on_death` when an engine has died, even an idle one. Cancel the returned future before closing the pair.
        """
        os.set_blocking(fd, False)
        return self.submit(_report_progress(pair, fd, on_death))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and wait for its result. Call from any thread but the loop's."""
        return self.submit(coroutine).result()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine` on the loop. Cancelling the returned future cancels the coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """End the loop, and drop every coroutine that still runs on it."""
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
        # After any other error, go on: silence would look like a hung engine.
        except Exception:
            log.exception("the check of the engines' health failed")
        if max(pair.drafter.silent_s, pair.base.silent_s) < PROGRESS_EVERY_S:
            # A full pipe means that the supervisor does not read: it is frozen, and this process is not to blame.
            with suppress(BlockingIOError):
                os.write(fd, b"\n")
        await asyncio.sleep(PROGRESS_EVERY_S)
