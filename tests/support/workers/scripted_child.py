"""The worker's child with two scripted models, which do as the problem says.

What the models write depends on prompt and seed alone. A problem may hold them up, at the draft of step N of the
thinking or at the answer:

    Wait for NAME at 3.         no call begins while there is a file NAME in the folder that HOLDS names
    Hang on NAME at answer.     a call has begun and does not return while there is
    Slow.                       every call takes SLOW_S longer
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from specreason.engines.base import THINK_END, Completion, Limits, ModelPair, Role, Sampling
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.engines.scripted.tokenizer import THINK_START
from specreason.pairs import PairConfig
from worker.child import main

HOLDS = "SPECREASON_TEST_HOLDS"
CALL_S, SLOW_S, LOOK_EVERY_S = 0.01, 0.05, 0.02
ANSWER_INDEX = 7  # six steps of thought, one that closes the thinking, the answer
TOLD = re.compile(r"(Wait for|Hang on) (\w+) at (\w+)\.")


class ObedientEngine(ScriptedEngine):
    """One model of the scripted pair. Without `folder` it writes the same text and takes no time."""

    def __init__(self, role: Role, folder: Path | None) -> None:
        super().__init__(
            respond=lambda prompt, seed: said(role, prompt, seed),
            score=score,
            latency_s=CALL_S if folder else 0,
        )
        self._folder = folder

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        prompt = self.tokenizer.decode(prompt_ids)
        if self._folder is not None:
            if "Slow." in prompt:
                await asyncio.sleep(SLOW_S)
            for how, name, point in TOLD.findall(prompt):
                if point == point_of(prompt):
                    # Inside a call it is work of which nothing is heard.
                    with self._call(prompt_ids) if how == "Hang on" else nullcontext():
                        await gone(self._folder / name)
        return await super().generate(prompt_ids, limits=limits, sampling=sampling, seed=seed)


def said(role: Role, prompt: str, seed: int) -> str:
    number = hashlib.blake2b(f"{role} {seed} {prompt}".encode(), digest_size=4).hexdigest()
    if point_of(prompt) == "answer":
        return f"\\boxed{{{number}}}"
    if point_of(prompt) == str(ANSWER_INDEX - 1):
        return f"So it is.{THINK_END}"
    return f"The {role} says {number}.\n\n"


def score(prompt: str) -> int:
    return hashlib.blake2b(prompt.encode(), digest_size=1).digest()[0] % 10


def point_of(prompt: str) -> str:
    """Index of the step that comes next, or `answer`."""
    thinking = prompt.rpartition(THINK_START)[2]
    return "answer" if THINK_END in thinking else str(thinking.count("\n\n"))


async def gone(path: Path) -> None:
    while path.exists():  # noqa: ASYNC110, ASYNC240 -- another process makes it, and a look takes microseconds
        await asyncio.sleep(LOOK_EVERY_S)


def obedient_pair(folder: Path | None = None) -> ModelPair:
    return scripted_pair(drafter=ObedientEngine(Role.DRAFTER, folder), base=ObedientEngine(Role.BASE, folder))


async def load(name: str, config: PairConfig, announce: Callable[[str], None]) -> ModelPair:
    return obedient_pair(Path(os.environ[HOLDS]))


if __name__ == "__main__":
    sys.exit(main(load))
