"""A model in two ranks does what it does in one: the demo's base beside itself, on the CPU."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from specreason.demo.exercises import exercises
from specreason.engines.base import Completion, Engine, Limits, ModelPair, Sampling, Verdict
from specreason.engines.pair import close_pair
from specreason.engines.tokenizer import digit_ids
from specreason.errors import EngineDead
from specreason.submission.chat import user_turn
from tests.conformance.conftest import serve
from tests.support.workers.processes import alive, engines_below
from tests.support.workers.two_ranks import two_ranks

pytestmark = pytest.mark.timeout(600)

OnLoop = Callable[[Any], Any]

GREEDY = Sampling(temperature=0.0)
HOT = Sampling(temperature=1.0, top_p=1.0)
STEP = Limits(max_tokens=60, delimiter="\n\n")
NUM_EXERCISES = 12
BLOCK_SIZE = 32


@pytest.fixture(scope="module")
def others() -> frozenset[int]:
    """The engines of other files' pairs, which live as long as the session."""
    return frozenset(engines_below(os.getpid()))


@pytest.fixture(scope="module")
def pair(on_loop: OnLoop, others: frozenset[int]) -> Iterator[ModelPair]:
    """The base in two ranks, and as the drafter the same model in one."""
    yield from serve(on_loop, two_ranks(drafter="base"))


def ranks_by_engine(others: frozenset[int]) -> dict[int, list[int]]:
    """The processes of this file's pair: each engine's, and those of its ranks."""
    return {
        engine: list(ranks) for engine, ranks in engines_below(os.getpid()).items() if engine not in others
    }


def prompts(engine: Engine) -> list[tuple[int, ...]]:
    chosen = islice(exercises(3, held_out=True), NUM_EXERCISES)
    return [engine.tokenizer.render_prompt(user_turn(exercise.text)) for exercise in chosen]


async def first_steps(engine: Engine) -> list[Completion]:
    return [await engine.generate(prompt, limits=STEP, sampling=GREEDY, seed=0) for prompt in prompts(engine)]


async def verdicts(engine: Engine, steps: list[Completion], suffix: str) -> list[Verdict]:
    digits = digit_ids(engine.tokenizer, suffix)
    judged = [
        (*prompt, *step.token_ids, *engine.tokenizer.encode(suffix))
        for prompt, step in zip(prompts(engine), steps, strict=True)
    ]
    return await asyncio.gather(*(engine.score(each, digit_ids=digits) for each in judged))


def test_only_the_engine_of_two_ranks_has_processes_below_it(pair: ModelPair, others: frozenset[int]) -> None:
    assert sorted(map(len, ranks_by_engine(others).values())) == [0, 2]


def test_each_rank_holds_its_own_heads_of_every_token(pair: ModelPair) -> None:
    """Both engines have the same bytes per device, and a rank needs half of them for a token."""
    assert pair.base.kv_tokens == pytest.approx(2 * pair.drafter.kv_tokens, abs=2 * BLOCK_SIZE)


def test_greedy_steps_in_two_ranks_are_those_of_one(pair: ModelPair, on_loop: OnLoop) -> None:
    """Sums of two ranks are rounded otherwise, so that near ties may fall the other way: one step in six at most."""
    in_one, in_two = (on_loop(first_steps(engine)) for engine in (pair.drafter, pair.base))
    same = [one.token_ids == two.token_ids for one, two in zip(in_one, in_two, strict=True)]
    assert sum(same) >= NUM_EXERCISES - NUM_EXERCISES // 6
    assert all(step.text.endswith("\n\n") for step in in_two)


def test_scores_in_two_ranks_are_those_of_one(pair: ModelPair, on_loop: OnLoop) -> None:
    steps = on_loop(first_steps(pair.drafter))
    in_one, in_two = (
        on_loop(verdicts(engine, steps, pair.judge_suffix)) for engine in (pair.drafter, pair.base)
    )
    for one, two in zip(in_one, in_two, strict=True):
        assert two.expected_score == pytest.approx(one.expected_score, abs=0.5)
        assert two.digit_probs == pytest.approx(one.digit_probs, abs=0.1)


def test_a_seed_draws_the_same_again_in_two_ranks(pair: ModelPair, on_loop: OnLoop) -> None:
    (prompt, *_) = prompts(pair.base)
    first, again = (on_loop(pair.base.generate(prompt, limits=STEP, sampling=HOT, seed=5)) for _ in range(2))
    assert first.token_ids == again.token_ids


def test_ranks_ignore_ctrl_c(pair: ModelPair, on_loop: OnLoop, others: frozenset[int]) -> None:
    for ranks in ranks_by_engine(others).values():
        for rank in ranks:
            os.kill(rank, signal.SIGINT)
    (prompt, *_) = prompts(pair.base)
    for _ in range(3):
        assert on_loop(pair.base.generate(prompt, limits=STEP, sampling=GREEDY, seed=0)).num_tokens > 0


def test_closing_under_load_fails_the_calls_and_ends_every_rank(
    pair: ModelPair, on_loop: OnLoop, others: frozenset[int]
) -> None:
    """The last test of this file: the pair is closed after it."""
    engines = [pid for engine, ranks in ranks_by_engine(others).items() for pid in (engine, *ranks)]

    async def close() -> list[Completion | BaseException]:
        endless = Limits(max_tokens=1500, stop_at_think_end=False)
        calls = [
            asyncio.create_task(pair.base.generate(prompt, limits=endless, sampling=HOT, seed=1))
            for prompt in prompts(pair.base)
        ]
        await asyncio.sleep(0.2)
        await close_pair(pair)
        return await asyncio.gather(*calls, return_exceptions=True)

    assert any(isinstance(outcome, EngineDead) for outcome in on_loop(close()))
    assert not [pid for pid in engines if alive(pid)]
