"""Calls that an engine gets before its first job, so that what is compiled at its first use is compiled by then.

vLLM warms its kernels itself, but with other sampling than the calls of a run have. On a GPU its top-p kernels come in
variants by the number of rows, one for each power of two up to 32, and with or without top-k
(vllm/v1/sample/ops/topk_topp_triton.py, _topp_split_count).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from specreason.engines.base import Engine, Limits, Sampling
from specreason.engines.machine.platform import Device
from specreason.errors import EngineDead
from specreason.submission.chat import user_turn

# Between them, and with the largest batch of the engine, they meet every variant on cards of 84 to 160 multiprocessors.
GPU_SIZES = (1, 3, 6, 12, 24, 48)
PLAIN, TOP_K = Sampling(), Sampling(top_k=20)
STEP = Limits(max_tokens=4, delimiter="\n\n")
PROBLEM = "What is 1 + 1?"
_FORGET_TRIES, _FORGET_PAUSE_S = 50, 0.1


class Forgetful(Engine, Protocol):
    """An engine whose prefix cache can be emptied."""

    async def forget_prefixes(self) -> bool:
        """Empty it. False, and nothing is forgotten, while a request still holds a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What asks for a score: the ids of the judge suffix, and of the ten digits."""

    suffix: Sequence[int]
    digits: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """So many calls at once, all with one sampling."""

    size: int
    sampling: Sampling


def rounds_for(device: Device, max_num_seqs: int) -> tuple[Round, ...]:
    """Return the rounds for an engine of at most `max_num_seqs` requests. On the CPU no kernel depends on either."""
    if device is Device.CPU:
        return (Round(size=1, sampling=PLAIN),)
    sizes = (*(size for size in GPU_SIZES if size < max_num_seqs), max_num_seqs)
    return tuple(Round(size=size, sampling=sampling) for size in sizes for sampling in (PLAIN, TOP_K))


async def warm_up(
    name: str,
    engine: Forgetful,
    rounds: Sequence[Round],
    announce: Callable[[str], None],
    *,
    question: Question | None = None,
) -> None:
    """Let the engine called `name` write a few tokens in each round, and with a `question` score once beside them.

    `announce` gets a line before each round. Afterwards the prefix cache is empty: no figure of a job shows that there
    was a warm-up. Raises EngineDead.
    """
    prompt = engine.tokenizer.render_prompt(user_turn(PROBLEM))
    for number, each in enumerate(rounds, start=1):
        announce(f"Warming up the {name}, {number} of {len(rounds)}: {each.size} at once")
        calls = [
            engine.generate(prompt, limits=STEP, sampling=each.sampling, seed=seed)
            for seed in range(each.size)
        ]
        scores = [engine.score(question.suffix, digit_ids=question.digits)] if question is not None else []
        await asyncio.gather(*calls, *scores)
    await forget(name, engine)


async def forget(name: str, engine: Forgetful) -> None:
    """Empty the prefix cache, of which a request that has just ended may hold a part for a step more.

    Raises EngineDead if a request of the engine called `name` holds on to it.
    """
    for _ in range(_FORGET_TRIES):
        if await engine.forget_prefixes():
            return
        await asyncio.sleep(_FORGET_PAUSE_S)
    raise EngineDead(f"the {name}'s engine holds on to requests that have ended")
