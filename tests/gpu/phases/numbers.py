"""What company, the prefix cache and the type of the head change in verdicts and texts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from specreason.engines.base import Engine, Verdict
from tests.gpu.calls import DRAWN, Judge, forget, problems, write
from tests.gpu.scene import Facts, Scene

# Calls at once, and the number of verdicts and texts that are looked at closely.
COMPANY = 16
NUM_REFERENCES = 4


async def digits(scene: Scene) -> Facts:
    """How often two digits of a verdict are equally likely, by the head; how verdicts change beside others.

    Without rounding, ties hardly exist. `reference` is a forward pass of the same weights in float32 without vLLM.
    """
    pair, judge = scene.pair, Judge(scene.pair)
    prompts = problems(pair, 256 if scene.machine.num_gpus else 48)
    few = prompts[:COMPANY]

    async def at_once(engine: Engine, of: Sequence[Sequence[int]]) -> list[Verdict]:
        await forget(engine)
        return await asyncio.gather(*(judge.score(engine, prompt) for prompt in of))

    await forget(pair.base)
    alone = [await judge.score(pair.base, prompt) for prompt in few]
    cached = [await judge.score(pair.base, prompt) for prompt in few]
    beside = await at_once(pair.base, few)
    reference = await asyncio.to_thread(
        reference_shares,
        scene.folder / "base",
        [(*p, *judge.suffix) for p in few[:NUM_REFERENCES]],
        judge.digit_ids,
    )
    return {
        "verdicts": len(prompts),
        "tied": {
            "float32": _tied(await at_once(pair.base, prompts)),
            "bfloat16": _tied(await at_once(pair.drafter, prompts)),
        },
        "other_digits": {"cached": _other_digits(alone, cached), "beside": _other_digits(alone, beside)},
        "differences": {
            "cached": _difference(_probs(alone), _probs(cached)),
            "beside": _difference(_probs(alone), _probs(beside)),
            "reference": _difference(_probs(alone[:NUM_REFERENCES]), reference),
        },
    }


async def seeds(scene: Scene) -> Facts:
    """How many texts one seed gives twice: the call alone, and beside fifteen others."""
    engine = scene.pair.base
    prompts = problems(scene.pair, COMPANY)
    num_tokens = 48 if scene.machine.num_gpus else 12

    async def alone() -> list[tuple[int, ...]]:
        texts = []
        for prompt in prompts:
            await forget(engine)
            texts.append((await write(engine, prompt, num_tokens, sampling=DRAWN)).token_ids)
        return texts

    first, second = await alone(), await alone()
    await forget(engine)
    beside = await asyncio.gather(*(write(engine, prompt, num_tokens, sampling=DRAWN) for prompt in prompts))
    return {
        "texts": len(prompts),
        "differ_alone": sum(a != b for a, b in zip(first, second, strict=True)),
        "differ_beside": sum(a != b.token_ids for a, b in zip(first, beside, strict=True)),
    }


def reference_shares(
    model: Path, prompts: Sequence[Sequence[int]], digit_ids: Sequence[int]
) -> list[tuple[float, ...]]:
    """The digits' shares after each prompt, computed on the CPU."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    with torch.inference_mode():
        last = [network(torch.tensor([prompt])).logits[0, -1] for prompt in prompts]
    return [_shares(logits.softmax(-1)[list(digit_ids)].tolist()) for logits in last]


def _probs(verdicts: Sequence[Verdict]) -> list[tuple[float, ...]]:
    return [_shares([p or 0.0 for p in verdict.digit_probs]) for verdict in verdicts]


def _shares(probs: Sequence[float]) -> tuple[float, ...]:
    """Each digit's part of what is on digits: made-up weights prefer none of them."""
    return tuple(p / sum(probs) for p in probs)


def _tied(verdicts: Sequence[Verdict]) -> int:
    """The number of verdicts in which two digits have exactly the same probability."""
    return sum(any(a == b for a, b in combinations(probs, 2)) for probs in _probs(verdicts))


def _other_digits(some: Sequence[Verdict], others: Sequence[Verdict]) -> int:
    return sum(a.digit != b.digit for a, b in zip(some, others, strict=True))


def _difference(some: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> float:
    """The largest difference of a digit's share."""
    return max(
        abs(a - b) for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True)
    )
