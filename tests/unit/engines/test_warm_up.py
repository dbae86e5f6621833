"""The calls that an engine gets before its first job, on scripted engines in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from specreason.engines.base import Completion, Sampling, Verdict
from specreason.engines.machine.platform import Device
from specreason.engines.scripted.engine import ScriptedEngine
from specreason.engines.tokenizer import digit_ids
from specreason.engines.vllm.warm_up import PLAIN, TOP_K, Question, Round, rounds_for, warm_up
from specreason.errors import EngineDead
from tests.support.virtual_time import in_virtual_time

SUFFIX = "Score 0-9: "
THREE, SIX = Round(size=3, sampling=PLAIN), Round(size=6, sampling=TOP_K)


class WatchedEngine(ScriptedEngine):
    """It counts the calls that it has at once, and holds on to its prefixes for some tries."""

    def __init__(self, *, holds_on: int = 0, **script: Any) -> None:
        super().__init__(steps=["One.\n\n"], **script)
        self.most_at_once = 0
        self.samplings: list[Sampling] = []
        self.scored = 0
        self.has_prefixes = False
        self._holds_on = holds_on

    async def generate(self, prompt_ids: Sequence[int], **call: Any) -> Completion:
        self.samplings.append(call["sampling"])
        return await self._watched(super().generate(prompt_ids, **call))

    async def score(self, prompt_ids: Sequence[int], **call: Any) -> Verdict:
        self.scored += 1
        return await self._watched(super().score(prompt_ids, **call))

    async def forget_prefixes(self) -> bool:
        self._holds_on -= 1
        self.has_prefixes = self._holds_on >= 0
        return not self.has_prefixes

    async def _watched(self, call: Any) -> Any:
        self.has_prefixes = True
        self.most_at_once = max(self.most_at_once, self.num_unfinished + 1)
        return await call


def question(engine: ScriptedEngine) -> Question:
    return Question(suffix=engine.tokenizer.encode(SUFFIX), digits=digit_ids(engine.tokenizer, SUFFIX))


def warmed(engine: WatchedEngine, *rounds: Round, asks: bool = True) -> list[str]:
    """The lines that were announced."""
    lines: list[str] = []
    asked = question(engine) if asks else None
    in_virtual_time(lambda clock: warm_up("base", engine, rounds, lines.append, question=asked))
    return lines


def test_each_round_has_its_calls_at_once_and_a_score_beside_them() -> None:
    engine = WatchedEngine(latency_s=1)
    warmed(engine, THREE, SIX)
    assert engine.samplings == [PLAIN] * 3 + [TOP_K] * 6
    assert (engine.most_at_once, engine.scored) == (6 + 1, 2)


def test_a_drafter_is_asked_for_no_score() -> None:
    engine = WatchedEngine(latency_s=1)
    warmed(engine, THREE, asks=False)
    assert (engine.most_at_once, engine.scored) == (3, 0)


@pytest.mark.parametrize("holds_on", [0, 3])
def test_afterwards_no_prefix_is_left_that_a_job_could_find(holds_on: int) -> None:
    engine = WatchedEngine(holds_on=holds_on)
    warmed(engine, THREE)
    assert not engine.has_prefixes


def test_an_engine_that_never_lets_go_of_its_requests_is_given_up() -> None:
    with pytest.raises(EngineDead, match="base"):
        warmed(WatchedEngine(holds_on=10_000), THREE)


def test_every_round_is_announced_so_that_a_slow_one_is_not_taken_for_a_hung_start() -> None:
    assert len(warmed(WatchedEngine(latency_s=40), THREE, SIX)) == 2


def test_an_engine_that_dies_meanwhile_is_reported() -> None:
    with pytest.raises(EngineDead):
        warmed(WatchedEngine(die_after=2), THREE)


def test_on_gpus_every_batch_up_to_the_largest_is_met_with_and_without_top_k() -> None:
    rounds = rounds_for(Device.GPU, 64)
    assert [each.size for each in rounds if each.sampling is PLAIN] == [1, 3, 6, 12, 24, 48, 64]
    assert [each.size for each in rounds if each.sampling is TOP_K] == [1, 3, 6, 12, 24, 48, 64]


@pytest.mark.parametrize("most", [1, 6, 16])
def test_no_round_is_larger_than_what_the_engine_takes_at_once(most: int) -> None:
    assert max(each.size for each in rounds_for(Device.GPU, most)) == most


def test_on_the_cpu_one_call_is_enough() -> None:
    assert rounds_for(Device.CPU, 64) == (Round(size=1, sampling=PLAIN),)
