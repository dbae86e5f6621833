"""The device time of steps: what a run's calls used, drafts that were thrown away among them, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from specreason.config import RunConfig
from specreason.engines.base import ModelPair, Role
from specreason.engines.meter import DeviceTime
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import Decision, ListSink, StepRecord
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.virtual_time import Clock, in_virtual_time

STEPS = ["One.\n\n", "Two and three.\n\n", "Four.\n\n", "</think>"]
FIRST_S, TOKEN_S = 0.5, 0.125


def pair_of(clock: Clock, scores: Sequence[int]) -> ModelPair:
    def engine(**more: Any) -> ScriptedEngine:
        timing = {"latency_s": FIRST_S, "token_s": TOKEN_S, "clock": clock}
        return ScriptedEngine(steps=STEPS, answer="\\boxed{4}", **timing, **more)

    return scripted_pair(drafter=engine(), base=engine(scores=scores))


async def run_once(pair: ModelPair, **config: Any) -> tuple[StepRecord, ...]:
    transcript = Transcript(pair, user_turn("What is 2 + 2?"))
    run = plan_run(RunConfig(temperature=0.0, **config), pair, transcript, seed=0, repeat=0)
    return (await reason(run, transcript, ListSink())).steps


def spent(steps: Sequence[StepRecord]) -> float:
    """All device time of these steps."""
    used = [step.device for step in steps]
    return sum(each.total_s for of_step in used if of_step is not None for each in of_step.values())


def test_a_job_alone_without_overlap_is_charged_its_time_in_engines() -> None:
    async def main(clock: Clock) -> None:
        steps = await run_once(pair_of(clock, [9, 2, 9]), overlap=False)
        assert {step.decision for step in steps} >= {Decision.ACCEPTED, Decision.REJECTED, Decision.ANSWER}
        assert spent(steps) == pytest.approx(clock()) == pytest.approx(sum(s.engine_s for s in steps))
        for step in steps:
            calls = (step.draft, step.written)
            used = step.device
            assert used is not None
            # One first token for each call, and a verdict is nothing else.
            num_generated = sum(call is not None for call in calls)
            prefill_s = sum(each.prefill_s for each in used.values())
            assert prefill_s == pytest.approx(
                (FIRST_S + TOKEN_S) * (num_generated + (step.verdict is not None))
            )
        assert steps[-1].device == {
            Role.DRAFTER: DeviceTime(),
            Role.BASE: pytest.approx(steps[-1].written.device),
        }

    in_virtual_time(main)


def test_the_steps_of_jobs_at_once_add_up_to_the_time_in_which_the_pair_worked() -> None:
    async def main(clock: Clock) -> None:
        pair = pair_of(clock, [9, 2, 9])
        began = clock()
        jobs = await asyncio.gather(*(run_once(pair, overlap=number % 2 == 0) for number in range(5)))
        busy_s = clock() - began
        assert sum(map(spent, jobs)) == pytest.approx(busy_s)
        assert sum(step.engine_s for steps in jobs for step in steps) > 2 * busy_s

    in_virtual_time(main)


def test_drafts_begun_ahead_in_vain_are_charged_to_the_drafter_and_nothing_is_lost() -> None:
    async def main(clock: Clock) -> None:
        steps = await run_once(pair_of(clock, [0]), overlap=True)
        assert spent(steps) == pytest.approx(clock())
        rejected = [step for step in steps if step.decision is Decision.REJECTED]
        assert rejected
        dropped_s = sum(step.dropped.total_s for step in steps)
        drafted_s = sum(step.draft.device.total_s for step in rejected if step.draft and step.draft.device)
        by_drafter = sum(step.device[Role.DRAFTER].total_s for step in steps if step.device)
        assert dropped_s > 0
        assert by_drafter == pytest.approx(drafted_s + dropped_s)

    in_virtual_time(main)


def test_a_step_with_a_call_that_was_not_metered_has_no_device_time() -> None:
    async def main(clock: Clock) -> None:
        first, *_ = await run_once(pair_of(clock, [9]))
        assert first.draft is not None
        assert first.device is not None
        unmetered = replace(first, draft=replace(first.draft, device=None))
        assert unmetered.device is None
        assert unmetered == first  # device time is beside the point of a step

    in_virtual_time(main)
