"""The pair of the chaos run: at a small real pair's speed it writes what prompt and seed say, and nothing else.

So a job has one right trace, however often it was interrupted. `tests.support.workers.undisturbed` computes it
without a queue.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from specreason.engines.base import THINK_END, ModelPair
from specreason.engines.scripted.engine import ScriptedEngine
from specreason.engines.scripted.scripts import DELIMITER
from specreason.engines.scripted.tokenizer import THINK_START
from tests.chaos.deployment.faulty_engine import FaultyEngine

DRAFTER_TOKEN_S = 0.002
BASE_TOKEN_S = 0.008
VERIFY_S = 0.015
FEWEST_THOUGHTS, MOST_THOUGHTS = 6, 18  # besides these, a job has its closing step and its answer
JUDGE_SUFFIX = "\nScore 0-9: "
PROBLEM = "Chaos problem {number}"  # its number names the job: every batch has one repeat
_NUMBER = re.compile(r"Chaos problem (\d+)")

# Called with the problem's number and the index of the step that an engine begins to work on.
OnStep = Callable[[int, int], None]


def make_pair(*, speed: float = 1.0, on_step: OnStep | None = None) -> ModelPair:
    """`speed` 0 passes no time. The base is a FaultyEngine."""

    def draft(prompt: str, seed: int) -> str:
        number, thinking = _place(prompt)
        if on_step is not None:
            on_step(number, thinking.count(DELIMITER))
        return _thought(number, thinking, seed)

    def write(prompt: str, seed: int) -> str:
        number, thinking = _place(prompt)
        if THINK_END not in thinking:
            return _thought(number, thinking, seed)
        if on_step is not None:
            on_step(number, thinking.count(DELIMITER) + 1)
        return f"\\boxed{{{number}}}"

    return ModelPair(
        name="scripted",
        fingerprint="chaos-1",
        drafter=ScriptedEngine(respond=draft, score=_score, token_s=speed * DRAFTER_TOKEN_S),
        base=FaultyEngine(
            ScriptedEngine(
                respond=write,
                score=_score,
                latency_s=speed * (VERIFY_S - BASE_TOKEN_S),  # a verdict is one token
                token_s=speed * BASE_TOKEN_S,
            )
        ),
        judge_suffix=JUDGE_SUFFIX,
    )


class StepLog:
    """Which process began which step, one line each, from every worker into one file. Also an OnStep."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, number: int, index: int) -> None:
        os.write(self._file, f"{time.time():.4f} {os.getpid()} {number} {index}\n".encode())


def _place(prompt: str) -> tuple[int, str]:
    """The problem's number, and the thinking so far."""
    found = _NUMBER.search(prompt)
    assert found is not None, prompt
    return int(found[1]), prompt.rpartition(THINK_START)[2]


def _thought(number: int, thinking: str, seed: int) -> str:
    """The next step: ten to sixteen tokens, one per character, or the end of the thinking."""
    index = thinking.count(DELIMITER)
    if index >= random.Random(f"length {number}").randint(FEWEST_THOUGHTS, MOST_THOUGHTS):
        return THINK_END
    # What was thought before counts too: a trace that went wrong once stays wrong to its end.
    chance = random.Random(f"{number} {seed} {thinking}")
    return "".join(chance.choices("abcdefghij 0123456789", k=chance.randint(9, 15))) + f".{DELIMITER}"


def _score(prompt: str) -> int | None:
    """Seven drafts of ten are kept; now and then the verdict is no digit."""
    chance = random.Random(prompt).random()
    if chance < 0.02:
        return None
    return 9 if chance < 0.7 else 3
