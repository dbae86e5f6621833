"""Drafting ahead changes when a draft is written, and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreason.config import RunConfig
from specreason.engines.base import ModelPair, Role
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.errors import EngineDead
from specreason.reasoning.economics import Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.policies import Adaptive, FirstStepsOnBase, decide
from specreason.reasoning.schemes import Run, plan_run
from specreason.reasoning.scoring import score_of
from specreason.reasoning.steps import Decision, ListSink, StepRecord, Trace, kept_thinking_tokens
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.virtual_time import Clock, in_virtual_time

PIECES = ["So it is.\n\n", "Wait.\n\n", "Add 2 and 3: 5.\n\n", "Hm", " 7 ", "\n\n", "</think>", "<eos>"]
configs = st.fixed_dictionaries(
    {
        "token_budget": st.integers(1, 120),
        "max_step_tokens": st.integers(1, 40),
        "max_steps": st.integers(1, 12),
        "min_step_tokens": st.sampled_from([0, 4]),
        "first_steps_on_base": st.integers(0, 3),
        "threshold": st.integers(0, 9),
        "score_method": st.sampled_from(["greedy", "expected"]),
        "answer_by": st.sampled_from(["base", "drafter"]),
        "on_budget": st.sampled_from(["answer", "stop"]),
        "max_same_steps": st.sampled_from([0, 2, 3]),
        "temperature": st.sampled_from([0.0, 0.6]),
        "seed": st.integers(0, 5),
    }
).filter(lambda config: config["min_step_tokens"] <= config["max_step_tokens"])


def babbling_pair(script: int, **timing: Any) -> ModelPair:
    """Two models that say and judge whatever prompt and seed say, every stop and verdict among it."""

    def babble(role: Role, prompt: str, seed: int) -> str:
        draw = random.Random(f"{script} {role} {seed} {prompt}")
        return "".join(draw.choices(PIECES, weights=(9, 5, 9, 9, 9, 3, 1, 1), k=60))

    def judge(prompt: str) -> int | None:
        return random.Random(f"{script} {prompt}").choice([0, 3, 5, 7, 8, 9, 9, None])

    # Both models read one clock: the costs that a policy sees are the same on every machine.
    faster = {**timing, "token_s": timing.get("token_s", 0) / 4}
    return scripted_pair(
        drafter=ScriptedEngine(respond=lambda p, s: babble(Role.DRAFTER, p, s), max_model_len=600, **faster),
        base=ScriptedEngine(
            respond=lambda p, s: babble(Role.BASE, p, s), score=judge, max_model_len=600, **timing
        ),
    )


async def run_once(pair: ModelPair, resume_from: tuple[StepRecord, ...] = (), **config: Any) -> Trace:
    transcript = Transcript(pair, user_turn("What is 2 + 3?"), resume_from)
    run = plan_run(RunConfig(**config), pair, transcript, seed=config.get("seed", 0), repeat=0)
    return await reason(run, transcript, ListSink())


def shape(trace: Trace) -> list[tuple[object, ...]]:
    """A trace without its times."""
    return [
        (s.decision, s.author, s.kept_ids, s.num_spent_tokens, s.verdict and s.verdict.digit)
        for s in trace.steps
    ]


@settings(max_examples=80, deadline=None)
@given(script=st.integers(0, 10_000), config=configs)
def test_overlap_changes_no_decision_and_no_token(script: int, config: dict[str, Any]) -> None:
    pair = babbling_pair(script)
    one_by_one = asyncio.run(run_once(pair, overlap=False, **config))
    ahead = asyncio.run(run_once(pair, overlap=True, **config))
    assert shape(ahead) == shape(one_by_one)
    assert ahead.stop_reason is one_by_one.stop_reason


@settings(max_examples=60, deadline=None)
@given(script=st.integers(0, 10_000), config=configs, cut=st.integers(0, 30))
def test_a_run_resumed_anywhere_ends_as_the_whole_one(script: int, config: dict[str, Any], cut: int) -> None:
    whole = asyncio.run(run_once(babbling_pair(script), **config))
    resumed = asyncio.run(run_once(babbling_pair(script), whole.steps[:cut], **config))
    assert shape(resumed) == shape(whole)


@settings(max_examples=80, deadline=None)
@given(script=st.integers(0, 10_000), config=configs)
def test_what_holds_of_every_trace(script: int, config: dict[str, Any]) -> None:
    pair = babbling_pair(script)
    transcript = Transcript(pair, user_turn("What is 2 + 3?"))
    prompt = transcript.ids(Role.BASE)
    run = plan_run(RunConfig(**config), pair, transcript, seed=config["seed"], repeat=0)
    trace = asyncio.run(reason(run, transcript, ListSink()))
    # The budget is never overshot by what models wrote.
    assert kept_thinking_tokens([s for s in trace.steps if s.author is not None]) <= config["token_budget"]
    # The transcript is the prompt and the kept ids, and nothing else.
    assert transcript.ids(Role.BASE) == prompt + tuple(i for s in trace.steps for i in s.kept_ids)
    for step in trace.steps:
        drafted = step.decision.drafted
        # Every draft is there, rejected or not, with its verdict.
        assert (step.draft is not None, step.verdict is not None) == (drafted, drafted)
        assert replayed(run, trace.steps, step) is step.decision


@settings(max_examples=60, deadline=None)
@given(script=st.integers(0, 10_000), config=configs)
def test_a_policy_that_follows_the_clock_is_replayed_from_its_stored_odds(
    script: int, config: dict[str, Any]
) -> None:
    for run, trace in adaptive_runs(script, config):
        for step in trace.steps:
            assert replayed(run, trace.steps, step) is step.decision


def test_among_such_runs_are_stretches_of_the_base_and_drafts_that_only_probe() -> None:
    config = {"threshold": 9, "first_steps_on_base": 0}
    runs = [adaptive_runs(script, config) for script in range(5)]
    steps = [step for of_script in runs for _, trace in of_script for step in trace.steps]
    alone = [step for step in steps if step.decision is Decision.BELOW_BREAK_EVEN]
    probes = [s for s in steps if s.draft and s.odds and s.odds.acceptance < s.odds.break_even]
    assert alone
    assert probes


def adaptive_runs(script: int, config: dict[str, Any]) -> list[tuple[Run, Trace]]:
    """Three jobs one after the other, of which each knows what the ones before it measured."""

    async def runs(clock: Clock) -> list[tuple[Run, Trace]]:
        pair, economics, ended = babbling_pair(script, token_s=0.0001, clock=clock), Economics(), []
        for repeat in range(3):
            transcript = Transcript(pair, user_turn("What is 2 + 3?"))
            adaptive = RunConfig(**config, adaptive=True)
            run = plan_run(adaptive, pair, transcript, seed=0, repeat=repeat, economics=economics)
            policy = replace(policy_by_the_clock(run), probe_tokens=30)
            run = replace(run, policy=FirstStepsOnBase(config["first_steps_on_base"], policy))
            ended.append((run, await reason(run, transcript, ListSink())))
        return ended

    return in_virtual_time(runs)


def replayed(run: Run, steps: Sequence[StepRecord], step: StepRecord) -> Decision:
    """The decision once more, from what is stored with the step; limits and answers are no policy's."""
    if step.author is None or step.decision is Decision.ANSWER:
        return step.decision
    policy = run.policy
    if isinstance(policy, FirstStepsOnBase):
        if step.index < policy.n:
            return Decision.FIRST_STEPS_ON_BASE
        policy = policy.then
    if isinstance(policy, Adaptive):
        if policy.below_break_even(step.odds):
            return Decision.BELOW_BREAK_EVEN
        policy = policy.then
    alone = policy.without_draft(steps[: step.index])
    if alone is not None:
        return alone
    assert step.verdict is not None
    return decide(policy, score_of(step.verdict, run.score_method))


def policy_by_the_clock(run: Run) -> Adaptive:
    policy = run.policy.then if isinstance(run.policy, FirstStepsOnBase) else run.policy
    assert isinstance(policy, Adaptive)
    return policy


@pytest.mark.parametrize(("overlap", "ahead_s"), [(False, 0), (True, 1)])
def test_a_draft_begun_ahead_saves_the_time_that_its_verdict_took(
    overlap: bool, ahead_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(clock: Clock) -> tuple[Trace, float]:
        monkeypatch.setattr("specreason.reasoning.drafts.time", SimpleNamespace(perf_counter=clock))
        steps = [*(f"{i}.\n\n" for i in range(6)), "</think>"]
        drafter = ScriptedEngine(steps=steps, latency_s=1, clock=clock)
        base = ScriptedEngine(answer="4", latency_s=1, clock=clock)
        trace = await run_once(scripted_pair(drafter=drafter, base=base), overlap=overlap)
        return trace, clock()

    trace, took_s = in_virtual_time(run)
    first, *later = [step.draft for step in trace.steps if step.draft is not None]
    assert (len(later), first.ahead_s, first.waited_s) == (6, 0, 1)
    assert [(draft.ahead_s, draft.waited_s) for draft in later] == [(ahead_s, 1 - ahead_s)] * 6
    assert took_s == pytest.approx(7 + 7 + 1 - 6 * ahead_s)  # drafts, verdicts, the answer


def test_a_rejected_step_aborts_the_draft_that_was_begun_after_it() -> None:
    async def run(clock: Clock) -> int:
        drafter = ScriptedEngine(steps=["a.\n\n"] * 9, token_s=1, clock=clock)
        base = ScriptedEngine(steps=["b.\n\n", "</think>"], answer="4", scores=(0,), clock=clock)
        await run_once(scripted_pair(drafter=drafter, base=base), overlap=True)
        await asyncio.sleep(0.1)  # less than a token takes
        return drafter.num_unfinished

    assert in_virtual_time(run) == 0


def test_a_run_that_is_cancelled_leaves_no_draft_behind() -> None:
    def respond(prompt: str, seed: int) -> str:
        return "b" * 500 if "a." in prompt else "a.\n\n"

    async def run(clock: Clock) -> tuple[tuple[int, int], tuple[int, int]]:
        drafter = ScriptedEngine(respond=respond, token_s=1, clock=clock)
        base = ScriptedEngine(steps=["</think>"], answer="4", latency_s=1000, clock=clock)
        task = asyncio.create_task(run_once(scripted_pair(drafter=drafter, base=base), overlap=True))
        await asyncio.sleep(100)  # the second draft and the first verdict are under way
        before = drafter.num_unfinished, base.num_unfinished
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        return before, (drafter.num_unfinished, base.num_unfinished)

    assert in_virtual_time(run) == ((1, 1), (0, 0))


def test_a_drafter_that_dies_while_it_is_ahead_fails_the_step_that_needs_it() -> None:
    async def run(clock: Clock) -> None:
        drafter = ScriptedEngine(steps=["a.\n\n"] * 9, die_after=1, clock=clock)
        base = ScriptedEngine(steps=["b.\n\n"] * 3 + ["</think>"], answer="4", latency_s=1, clock=clock)
        await run_once(scripted_pair(drafter=drafter, base=base), overlap=True)

    with pytest.raises(EngineDead):
        in_virtual_time(run)
