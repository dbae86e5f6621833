"""What vLLM's requests promise: stops, aborts, and prompts that the prefix cache knows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from specreason.engines.base import FinishReason, Limits
from tests.gpu.calls import GREEDY, Judge, forget, problems, write_all
from tests.gpu.scene import Facts, Scene
from tests.support.workers.processes import wait_for

if TYPE_CHECKING:
    from specreason.engines.vllm.engine import VllmEngine

ABORT_S = 10.0


async def requests(scene: Scene) -> Facts:
    """Stop at a text, abort a call, score a prompt twice."""
    engine = cast("VllmEngine", scene.pair.base)
    (prompt, other) = problems(scene.pair, 2, first=1000)
    whole = await write_all(engine, prompt, 24)
    tokenizer = engine.tokenizer
    stop = next(
        (
            text
            for token in whole.token_ids[3:]
            if (text := tokenizer.decode([token])).isascii() and text.isprintable() and text.strip()
        ),
        None,
    )
    facts: dict[str, object] = {"stops": None}
    if stop is not None:
        end = next(n for n in range(1, 25) if stop in tokenizer.decode(whole.token_ids[:n]))
        limits = Limits(max_tokens=24, delimiter=stop, stop_at_think_end=False)
        stopped = await engine.generate(prompt, limits=limits, sampling=GREEDY, seed=1)
        facts["stops"] = (
            stopped.finish_reason is FinishReason.DELIMITER and stopped.token_ids == whole.token_ids[:end]
        )
    call = asyncio.create_task(write_all(engine, prompt, 800))
    await asyncio.sleep(0.2)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    await asyncio.to_thread(wait_for, lambda: not engine.num_unfinished, ABORT_S)
    judge = Judge(scene.pair)
    await forget(engine)
    first = await judge.score(engine, other)
    second = await judge.score(engine, other)
    return facts | {
        "prompt_tokens": first.num_prompt_tokens,
        "cached_tokens": {"first": first.num_cached_tokens, "second": second.num_cached_tokens},
    }
