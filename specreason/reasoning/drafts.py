"""Where drafts come from: requested when the loop needs them, or begun ahead (overlap).

A draft that was begun ahead is returned only for exactly the call that it was begun for. So overlap changes when a
draft is asked for, never what is asked for.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from types import TracebackType

from specreason.engines.base import Completion, ModelPair
from specreason.engines.meter import DeviceTime, MeteredCall
from specreason.reasoning.calls import Call
from specreason.reasoning.steps import StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """A draft that was begun before the loop asked for it."""

    call: Call
    began: float
    metered: MeteredCall
    task: asyncio.Task[Completion]


class Drafts:
    """Drafts of one run; at most one is under way ahead of its time. Leaving the block drops it."""

    def __init__(self, pair: ModelPair) -> None:
        self._pair = pair
        self._ahead: _Ahead | None = None
        self._dropped: list[_Ahead] = []

    def __enter__(self) -> Drafts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    async def take(self, call: Call) -> Completion:
        """The draft that `call` asks for."""
        if self._ahead is None or self._ahead.call != call:
            self.drop()
            return await call.make(self._pair)
        ahead_s = time.perf_counter() - self._ahead.began
        draft = await self._ahead.task
        self._ahead = None
        return replace(draft, ahead_s=min(ahead_s, draft.latency_s))

    def begin(self, call: Call) -> None:
        """Start `call` in the drafter, for `take` to return its draft later."""
        self.drop()
        metered = self._pair.meter.call()
        task = asyncio.create_task(call.make(self._pair, metered))
        task.add_done_callback(_look_at)
        self._ahead = _Ahead(call=call, began=time.perf_counter(), metered=metered, task=task)

    def drop(self) -> None:
        """Abort the draft that was begun and not taken."""
        if self._ahead is not None:
            self._ahead.task.cancel()
            self._dropped.append(self._ahead)
            self._ahead = None

    def charge(self, step: StepRecord) -> StepRecord:
        """`step`, with what the drafts used that were dropped since the last one. One that still ends waits."""
        over = [each.metered.device for each in self._dropped if each.task.done()]
        self._dropped = [each for each in self._dropped if not each.task.done()]
        return replace(step, dropped=sum(over, DeviceTime()))


def _look_at(task: asyncio.Task[Completion]) -> None:
    """Read the error of a dropped draft, so that asyncio does not report it: the next call reports a dead engine."""
    if not task.cancelled():
        task.exception()
