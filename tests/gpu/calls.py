"""Prompts for the phases, and calls of one engine or the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from statistics import median
from typing import TYPE_CHECKING, cast

from specreason.engines.base import Completion, Engine, Limits, ModelPair, Sampling, Verdict
from specreason.engines.tokenizer import digit_ids
from specreason.engines.vllm import warm_up
from specreason.submission.chat import user_turn

if TYPE_CHECKING:
    from specreason.engines.vllm.engine import VllmEngine

GREEDY = Sampling(temperature=0.0)
# What a step is drawn with.
DRAWN = Sampling()
STEP = "\n\n"


def problems(pair: ModelPair, number: int, *, first: int = 0) -> list[tuple[int, ...]]:
    """`number` prompts, no two alike, and none that another `first` gives."""
    return [
        pair.base.tokenizer.render_prompt(
            user_turn(f"Add {place} and {7 * place + 1}, then subtract {place % 13}.")
        )
        for place in range(first, first + number)
    ]


async def write(
    engine: Engine, prompt: Sequence[int], num_tokens: int, *, sampling: Sampling = GREEDY, seed: int = 1
) -> Completion:
    """Write tokens through every limit that a step has."""
    limits = Limits(max_tokens=num_tokens, delimiter=STEP)
    return await engine.generate(prompt, limits=limits, sampling=sampling, seed=seed)


async def write_all(engine: Engine, prompt: Sequence[int], num_tokens: int) -> Completion:
    """Write `num_tokens` tokens whatever they are, unless the model ends the sequence."""
    limits = Limits(max_tokens=num_tokens, stop_at_think_end=False)
    return await engine.generate(prompt, limits=limits, sampling=GREEDY, seed=1)


class Judge:
    """Asks either engine of a pair for a verdict, as the step loop asks the base."""

    def __init__(self, pair: ModelPair) -> None:
        self.suffix = pair.base.tokenizer.encode(pair.judge_suffix)
        self.digit_ids = digit_ids(pair.base.tokenizer, pair.judge_suffix)

    async def score(self, engine: Engine, prompt: Sequence[int]) -> Verdict:
        return await engine.score((*prompt, *self.suffix), digit_ids=self.digit_ids)


async def forget(engine: Engine) -> None:
    """Empty the engine's prefix cache."""
    await warm_up.forget("proof", cast("VllmEngine", engine))


async def seconds(*calls: Awaitable[object]) -> float:
    """Make all calls at once; return the seconds until the last of them has ended."""
    started = time.perf_counter()
    await asyncio.gather(*calls)
    return time.perf_counter() - started


def typical(samples: Sequence[float]) -> float:
    """The median in milliseconds."""
    return round(1000 * median(samples), 2)
