"""Where drafts come from: asked for when they are needed, or already under way (overlap).

A draft that was begun ahead is handed out only for the very call that it was begun for. So overlap changes when a
draft is written, and never what it says.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import TracebackType

from specreason.engines.base import Completion, ModelPair
from specreason.reasoning.calls import Call


class Drafts:
    """Drafts of one run; at most one is under way ahead of its time. Leaving the block drops it."""

    def __init__(self, pair: ModelPair) -> None:
        self._pair = pair
        self._ahead: tuple[Call, float, asyncio.Task[Completion]] | None = None

    def __enter__(self) -> Drafts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    async def take(self, call: Call) -> Completion:
        """The draft that `call` asks for."""
        if self._ahead is None or self._ahead[0] != call:
            self.drop()
            return await call.make(self._pair)
        _, began, task = self._ahead
        ahead_s = time.perf_counter() - began
        draft = await task
        self._ahead = None
        return replace(draft, ahead_s=min(ahead_s, draft.latency_s))

    def begin(self, call: Call) -> None:
        """Let the drafter begin on `call`, which may be taken later."""
        self.drop()
        task = asyncio.create_task(call.make(self._pair))
        task.add_done_callback(_look_at)
        self._ahead = (call, time.perf_counter(), task)

    def drop(self) -> None:
        """Abort what was begun and not taken."""
        if self._ahead is not None:
            self._ahead[2].cancel()
            self._ahead = None


def _look_at(task: asyncio.Task[Completion]) -> None:
    """An engine that dies under a draft which nobody takes is the next call's to report."""
    if not task.cancelled():
        task.exception()
