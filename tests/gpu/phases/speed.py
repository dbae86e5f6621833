"""How long calls take: the first at each size of batch, both engines at once, and the tokens of a speculating base."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

from specreason.engines.base import Engine
from tests.gpu.calls import DRAWN, Judge, problems, seconds, typical, write, write_all
from tests.gpu.scene import Facts, Scene

SIZES = (1, 3, 6, 12, 24, 48)
SAMPLES = 5
# A draft, and the calls of each engine at once.
DRAFT_TOKENS = 32
AT_ONCE = (1, 8)
JIT = "during inference"


async def warm_up(scene: Scene) -> Facts:
    """Draw four tokens at each size of batch, twice: the first call of a size must not be slower than the second.

    `compiled` are vLLM's own words about kernels that it compiled after the pair was loaded.
    """
    logged = scene.log.stat().st_size
    fresh = count(2000, 100)
    found: dict[str, dict[str, list[float]]] = {}
    for name, engine in (("drafter", scene.pair.drafter), ("base", scene.pair.base)):
        for size in SIZES if scene.machine.num_gpus else SIZES[:3]:
            runs = []
            for _ in range(2):
                prompts = problems(scene.pair, size, first=next(fresh))
                runs.append(
                    round(await seconds(*(write(engine, each, 4, sampling=DRAWN) for each in prompts)), 3)
                )
            found.setdefault(name, {})[str(size)] = runs
    with scene.log.open(errors="replace") as log:
        log.seek(logged)
        compiled = [line.strip() for line in log if JIT in line]
    return {"seconds": found, "compiled": compiled}


async def overlap(scene: Scene) -> Facts:
    """Drafts and verdicts in milliseconds: one after the other, and at the same time as overlap has them."""
    pair, judge = scene.pair, Judge(scene.pair)
    fresh = count(50_000, 100)
    found = {}
    for size in AT_ONCE:

        def drafts(size: int = size) -> list[Awaitable[object]]:
            return [
                write_all(pair.drafter, prompt, DRAFT_TOKENS)
                for prompt in problems(pair, size, first=next(fresh))
            ]

        def verdicts(size: int = size) -> list[Awaitable[object]]:
            return [judge.score(pair.base, prompt) for prompt in problems(pair, size, first=next(fresh))]

        found[str(size)] = {
            "draft_ms": await _samples(drafts),
            "verdict_ms": await _samples(verdicts),
            "both_ms": await _samples(lambda: [*drafts(), *verdicts()]),
        }
    return {"at_once": found}


async def tokens(scene: Scene) -> Facts:
    """Milliseconds for each token of the base, by the number of calls at once. Random drafts are hardly ever right."""
    found = {}
    for size in AT_ONCE:
        prompts = problems(scene.pair, size, first=90_000 + size)
        found[str(size)] = await _ms_per_token(scene.pair.base, prompts)
    return {"ms_per_token": found}


async def _ms_per_token(engine: Engine, prompts: list[tuple[int, ...]]) -> float:
    num_tokens = 64
    await seconds(*(write_all(engine, each, num_tokens) for each in prompts))
    samples = [await seconds(*(write_all(engine, each, num_tokens) for each in prompts)) for _ in range(3)]
    return round(typical(samples) / num_tokens, 3)


async def _samples(calls: Callable[[], list[Awaitable[object]]]) -> float:
    await seconds(*calls())
    return typical([await seconds(*calls()) for _ in range(SAMPLES)])
