"""The base goes on alone where drafting does not pay, by what was measured."""

from __future__ import annotations

from typing import Any

from specreason.config import RunConfig
from specreason.engines.base import ModelPair
from specreason.engines.scripted import ScriptedEngine, scripted_pair
from specreason.reasoning.economics import Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import Decision, ListSink, Phase, Trace
from specreason.reasoning.transcript import Transcript


async def adaptive_run(pair: ModelPair, economics: Economics, *, jobs: int, **config: Any) -> list[Trace]:
    traces = []
    for number in range(jobs):
        transcript = Transcript(pair, f"Problem {number}.")
        run = plan_run(
            RunConfig(adaptive=True, overlap=False, max_same_steps=0, **config),
            pair,
            transcript,
            seed=0,
            repeat=number,
            economics=economics,
        )
        traces.append(await reason(run, transcript, ListSink()))
    return traces


def decisions_of(traces: list[Trace]) -> list[Decision]:
    return [s.decision for trace in traces for s in trace.steps if s.phase is Phase.THINK]


def thinking_pair(*, good: bool, drafter_s: float) -> ModelPair:
    steps = [f"Step {i} of the thinking.\n\n" for i in range(20)] + ["</think>"]
    return scripted_pair(
        drafter=ScriptedEngine(steps=steps, token_s=drafter_s),
        base=ScriptedEngine(
            steps=steps, answer="That makes 4.", token_s=0.0005, scores=(9,) if good else (0,)
        ),
    )


async def test_a_useless_drafter_is_soon_left_alone_and_probed_now_and_then() -> None:
    economics = Economics()
    traces = await adaptive_run(thinking_pair(good=False, drafter_s=0.0003), economics, jobs=6)
    first, later = decisions_of(traces[:1]), decisions_of(traces[1:])
    assert Decision.BELOW_BREAK_EVEN in first
    assert sum(d.drafted for d in first) < 10
    assert 0 < sum(d.drafted for d in later) < len(traces) * 2
    below = [s.odds for t in traces for s in t.steps if s.decision is Decision.BELOW_BREAK_EVEN]
    assert all(odds is not None and odds.acceptance < odds.break_even for odds in below)


async def test_a_good_drafter_is_asked_for_every_step() -> None:
    traces = await adaptive_run(thinking_pair(good=True, drafter_s=0.0001), Economics(), jobs=3)
    assert set(decisions_of(traces)) == {Decision.ACCEPTED}


async def test_a_drafter_as_slow_as_its_base_is_left_alone_however_good_it_is() -> None:
    traces = await adaptive_run(thinking_pair(good=True, drafter_s=0.003), Economics(), jobs=3)
    assert Decision.BELOW_BREAK_EVEN in decisions_of(traces[1:])


async def test_a_drafter_that_has_become_good_is_found_out_by_a_probe() -> None:
    economics = Economics()
    await adaptive_run(thinking_pair(good=False, drafter_s=0), economics, jobs=3)
    traces = await adaptive_run(thinking_pair(good=True, drafter_s=0), economics, jobs=60)
    assert decisions_of(traces[-1:]) == [Decision.ACCEPTED] * 21


async def test_a_stretch_of_the_base_alone_ends_where_a_draft_may_follow() -> None:
    economics = Economics()
    traces = await adaptive_run(
        thinking_pair(good=False, drafter_s=0.0003), economics, jobs=6, token_budget=2000
    )
    stretches = [s for t in traces for s in t.steps if s.decision is Decision.BELOW_BREAK_EVEN]
    assert stretches
    assert all(s.kept_text.endswith(("\n\n", "</think>")) for s in stretches)


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert Economics().odds is None
