"""The base goes on alone where drafting does not pay, by what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from specreason.config import RunConfig
from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.reasoning.economics import PRIOR, Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.policies import Adaptive, Threshold
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import Decision, ListSink, Phase, StepRecord, Trace
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.virtual_time import Clock, in_virtual_time

PROBE_TOKENS = 1000
# A step of 20 tokens: 0.5 s by the base alone, 0.05 + 0.05 s to draft and score, 0.1 s until the base begins.
BREAK_EVEN = (0.1 + 0.1) / (0.5 + 0.1)


def wrote(num_tokens: int, *, ttft_s: float = 0.1, token_s: float = 0.025) -> Completion:
    return Completion(
        token_ids=tuple(range(num_tokens)),
        text="x" * num_tokens,
        finish_reason=FinishReason.DELIMITER,
        num_prompt_tokens=100,
        num_cached_tokens=90,
        ttft_s=ttft_s,
        latency_s=ttft_s + token_s * (num_tokens - 1),
    )


def drafted(*, kept: bool, draft_s: float = 0.05) -> StepRecord:
    draft = replace(wrote(20), ttft_s=draft_s / 2, latency_s=draft_s)
    return StepRecord(
        index=0,
        phase=Phase.THINK,
        decision=Decision.ACCEPTED if kept else Decision.REJECTED,
        author=Role.DRAFTER if kept else Role.BASE,
        kept_ids=tuple(range(20)),
        kept_text="x",
        draft=draft,
        verdict=Verdict(
            digit=9 if kept else 0,
            digit_probs=(0.1,) * 10,
            token_id=1,
            num_prompt_tokens=120,
            num_cached_tokens=100,
            latency_s=0.05,
        ),
        written=None if kept else wrote(20),
    )


def alone(num_tokens: int) -> StepRecord:
    return StepRecord(
        index=0,
        phase=Phase.THINK,
        decision=Decision.BELOW_BREAK_EVEN,
        author=Role.BASE,
        kept_ids=tuple(range(num_tokens)),
        kept_text="x",
        written=wrote(num_tokens),
    )


def having_seen(*steps: StepRecord) -> Economics:
    economics = Economics()
    for step in steps:
        economics.see(step)
    return economics


def below_break_even(economics: Economics, steps: Iterable[StepRecord] = ()) -> bool:
    policy = Adaptive(economics, PROBE_TOKENS, then=Threshold(7))
    return policy.without_draft(list(steps)) is Decision.BELOW_BREAK_EVEN


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert Economics().odds([]) is None
    assert not below_break_even(Economics())


def test_the_break_even_counts_draft_verdict_and_the_call_that_a_rejection_costs() -> None:
    odds = having_seen(*[drafted(kept=False)] * 50).odds([])
    assert odds is not None
    assert odds.break_even == pytest.approx(BREAK_EVEN)


def test_a_useless_drafter_is_left_alone_after_a_few_rejections() -> None:
    rejected = [drafted(kept=False)] * 30
    assert not below_break_even(having_seen(*rejected[:2]), rejected[:2])
    assert below_break_even(having_seen(*rejected[:10]), rejected[:10])
    assert below_break_even(having_seen(*rejected))  # the next job starts from these costs


def test_a_good_drafter_is_asked_for_every_step() -> None:
    kept = [alone(20), *[drafted(kept=True)] * 30]
    assert not any(below_break_even(having_seen(*kept[:n]), kept[:n]) for n in range(len(kept)))


def test_a_drafter_as_slow_as_its_base_is_left_alone_however_good_it_is() -> None:
    slow = [alone(20), *[drafted(kept=True, draft_s=0.6)] * 3]
    assert below_break_even(having_seen(*slow), slow)


def test_a_hopeless_problem_among_good_ones_is_found_out_and_spoils_none_of_them() -> None:
    hopeless = [drafted(kept=False)] * 12
    economics = having_seen(*[drafted(kept=True)] * 100, *hopeless)
    assert below_break_even(economics, hopeless)
    assert not below_break_even(economics)


def test_below_break_even_a_draft_is_tried_once_in_a_while() -> None:
    rejected = [drafted(kept=False)] * 40
    assert below_break_even(having_seen(*rejected, alone(PROBE_TOKENS - 1)), rejected)
    assert not below_break_even(having_seen(*rejected, alone(PROBE_TOKENS)), rejected)
    assert below_break_even(having_seen(*rejected, alone(PROBE_TOKENS), drafted(kept=False)), rejected)


def test_a_drafter_that_has_become_good_is_drafted_with_again() -> None:
    economics = having_seen(*[drafted(kept=False)] * 40)
    assert below_break_even(economics)
    assert not below_break_even(economics, [drafted(kept=True)] * (PRIOR + 1))


async def run_jobs(number: int, clock: Clock) -> list[Trace]:
    """With a drafter whose steps are all rejected."""
    steps = [f"Step {i} of the thinking.\n\n" for i in range(20)] + ["</think>"]
    pair = scripted_pair(
        drafter=ScriptedEngine(steps=steps, token_s=0.0003, clock=clock),
        base=ScriptedEngine(steps=steps, answer="That makes 4.", token_s=0.0005, scores=(0,), clock=clock),
    )
    economics, traces = Economics(), []
    for repeat in range(number):
        transcript = Transcript(pair, user_turn("A problem."))
        config = RunConfig(adaptive=True, max_same_steps=0)
        run = plan_run(config, pair, transcript, seed=0, repeat=repeat, economics=economics)
        traces.append(await reason(run, transcript, ListSink()))
    return traces


def test_in_a_run_below_break_even_the_base_writes_stretches_that_a_draft_may_follow() -> None:
    first, *later = in_virtual_time(lambda clock: run_jobs(4, clock))
    assert Decision.BELOW_BREAK_EVEN in [s.decision for s in first.steps]
    stretches = [s for t in later for s in t.steps if s.decision is Decision.BELOW_BREAK_EVEN]
    assert stretches
    assert all(s.kept_text.endswith(("\n\n", "</think>")) for s in stretches)
    assert all(s.odds is not None and s.odds.acceptance < s.odds.break_even for s in stretches)
