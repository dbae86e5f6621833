"""A scripted engine that can be told to hang: calls begin and never return, as with a stuck GPU."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from specreason.engines.base import Completion, Limits, Sampling, Verdict
from specreason.engines.scripted.engine import ScriptedEngine
from specreason.engines.scripted.tokenizer import ScriptedTokenizer

T = TypeVar("T")


class FaultyEngine:
    """An Engine. `die` and `hang` are final; call them on the engine's event loop."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine
        self._hung_since: float | None = None
        self._num_inside = 0

    def die(self) -> None:
        self._engine.die()

    def hang(self) -> None:
        self._hung_since = time.monotonic()

    @property
    def tokenizer(self) -> ScriptedTokenizer:
        return self._engine.tokenizer

    @property
    def max_model_len(self) -> int:
        return self._engine.max_model_len

    @property
    def kv_tokens(self) -> int:
        return self._engine.kv_tokens

    @property
    def silent_s(self) -> float:
        if self._hung_since is None:
            return self._engine.silent_s
        return time.monotonic() - self._hung_since if self._num_inside else 0.0

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        return await self._unless_hung(
            self._engine.generate(prompt_ids, limits=limits, sampling=sampling, seed=seed)
        )

    async def score(self, prompt_ids: Sequence[int], *, digit_ids: Sequence[int]) -> Verdict:
        return await self._unless_hung(self._engine.score(prompt_ids, digit_ids=digit_ids))

    async def check_health(self) -> None:
        await self._engine.check_health()

    async def close(self) -> None:
        await self._engine.close()

    async def _unless_hung(self, call: Coroutine[Any, Any, T]) -> T:
        self._num_inside += 1
        try:
            result = await call
            if self._hung_since is not None:
                await asyncio.Event().wait()
            return result
        finally:
            self._num_inside -= 1
