"""The pair host: one event loop, in a thread of its own, that owns both engines and every running step loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

PROGRESS_EVERY_S = 0.5


class PairHost:
    """Celery's threads hand their coroutines to this loop and wait; the engines batch what runs together."""

    def __init__(self, *, progress_fd: int | None = None) -> None:
        """`progress_fd` gets a newline whenever the loop has turned: a loop that hangs writes nothing."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pair-host", daemon=True)
        self._thread.start()
        if progress_fd is not None:
            os.set_blocking(progress_fd, False)
            asyncio.run_coroutine_threadsafe(_report_progress(progress_fd), self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and wait for its result. Call from any thread but the loop's."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """End the loop; what still runs on it is dropped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)


async def _report_progress(fd: int) -> None:
    while True:
        with suppress(BlockingIOError):  # nobody reads: the supervisor is frozen, which is not our fault
            os.write(fd, b"\n")
        await asyncio.sleep(PROGRESS_EVERY_S)
