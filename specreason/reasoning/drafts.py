"""Where drafts come from: requested when the loop needs them, or begun ahead (overlap).

A draft that was begun ahead is returned only for exactly the call that it was begun for. So overlap changes when a
draft is asked for, never what is asked for.
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
        """Start `call` in the drafter, for `take` to return its draft later."""
        self.drop()
        task = asyncio.create_task(call.make(self._pair))
        task.add_done_callback(_look_at)
        self._ahead = (call, time.perf_counter(), task)

    def drop(self) -> None:
        """Abort the draft that was begun and not taken."""
        if self._ahead is not None:
            self._ahead[2].cancel()
            self._ahead = None


def _look_at(task: asyncio.Task[Completion]) -> None:
    """Read the error of a dropped draft, so that asyncio does not report it: the next call reports a dead engine."""
    if not task.cancelled():
        task.exception()
