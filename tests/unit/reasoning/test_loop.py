"""The step loop over scripted engines: what is drafted, kept, written again, and when it ends."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import ModelPair, Role
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.engines.scripted.tokenizer import ScriptedTokenizer
from specreason.errors import PermanentJobError, PromptTooLong
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import Decision, ListSink, Phase, StepRecord, StopReason, Trace
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.messages import naming

FILLER = 9  # an id that stands for nothing
DRAFTED = ["Two and two.\n\n", "That is four.\n\n", "Done.</think>"]
WRITTEN = ["Let me add.\n\n", "Four it is.\n\n", "Finished.</think>"]
ANSWER = "The answer is \\boxed{4}."


def a_pair(*, scores: tuple[int | None, ...] = (9,), **engine: Any) -> ModelPair:
    return scripted_pair(
        drafter=ScriptedEngine(steps=DRAFTED, answer="\\boxed{5}", **engine),
        base=ScriptedEngine(steps=WRITTEN, answer=ANSWER, scores=scores, **engine),
    )


async def run_loop(pair: ModelPair, resume_from: tuple[StepRecord, ...] = (), **config: Any) -> Trace:
    transcript = Transcript(pair, user_turn("What is 2 + 2?"), resume_from)
    run = plan_run(RunConfig(**config), pair, transcript, seed=0, repeat=0)
    sink = ListSink()
    trace = await reason(run, transcript, sink)
    assert tuple(sink.steps) == trace.steps[len(resume_from) :]
    return trace


def decisions(trace: Trace) -> list[Decision]:
    return [step.decision for step in trace.steps]


async def test_drafts_that_reach_the_threshold_are_kept_and_the_base_answers() -> None:
    trace = await run_loop(a_pair())
    assert decisions(trace) == [Decision.ACCEPTED] * 3 + [Decision.ANSWER]
    assert [step.kept_text for step in trace.steps] == [*DRAFTED, ANSWER]
    assert trace.steps[-1].author is Role.BASE
    assert trace.stop_reason is StopReason.ANSWERED


async def test_a_rejected_draft_is_written_again_by_the_base_and_stays_in_the_trace() -> None:
    trace = await run_loop(a_pair(scores=(9, 3, 9)))
    rejected = trace.steps[1]
    assert rejected.decision is Decision.REJECTED
    assert rejected.kept_text == WRITTEN[1]
    assert rejected.draft is not None
    assert rejected.draft.text == DRAFTED[1]
    assert rejected.verdict is not None
    assert rejected.verdict.digit == 3


@pytest.mark.parametrize(("threshold", "accepted"), [(3, 4), (5, 3), (7, 2), (9, 1)])
async def test_a_step_scored_at_the_threshold_is_kept(threshold: int, accepted: int) -> None:
    pair = scripted_pair(
        drafter=ScriptedEngine(steps=[f"{i}.\n\n" for i in range(4)] + ["</think>"]),
        base=ScriptedEngine(
            steps=[f"base {i}.\n\n" for i in range(4)] + ["</think>"], scores=(3, 5, 7, 9, 0)
        ),
    )
    trace = await run_loop(pair, threshold=threshold)
    assert decisions(trace).count(Decision.ACCEPTED) == accepted


async def test_a_verdict_without_a_digit_rejects_the_step_and_says_so() -> None:
    trace = await run_loop(a_pair(scores=(None,)), threshold=0)
    assert decisions(trace)[:3] == [Decision.REJECTED_NO_DIGIT] * 3


async def test_the_first_steps_on_base_are_neither_drafted_nor_scored() -> None:
    trace = await run_loop(a_pair(), first_steps_on_base=2)
    assert decisions(trace)[:3] == [Decision.FIRST_STEPS_ON_BASE] * 2 + [Decision.ACCEPTED]
    assert all(step.draft is None and step.verdict is None for step in trace.steps[:2])


@pytest.mark.parametrize(
    ("scheme", "decision", "author", "text"),
    [
        ("base", Decision.BASE_ONLY, Role.BASE, WRITTEN),
        ("drafter", Decision.DRAFTER_ONLY, Role.DRAFTER, DRAFTED),
    ],
)
async def test_a_baseline_writes_its_thinking_in_one_chunk_whatever_the_delimiters(
    scheme: str, decision: Decision, author: Role, text: list[str]
) -> None:
    trace = await run_loop(a_pair(), scheme=scheme)
    assert decisions(trace) == [decision, Decision.ANSWER]
    assert trace.steps[0].kept_text == "".join(text)
    assert {step.author for step in trace.steps} == {author}
    assert all(step.draft is None and step.verdict is None for step in trace.steps)


async def test_a_baseline_goes_on_in_chunks_that_can_be_resumed() -> None:
    pair = scripted_pair(
        drafter=ScriptedEngine(),
        base=ScriptedEngine(respond=lambda prompt, seed: "x" * 3000, max_model_len=4096),
    )
    trace = await run_loop(pair, scheme="base", token_budget=2500, max_answer_tokens=5)
    chunks = [step.num_kept_tokens for step in trace.steps if step.decision is Decision.BASE_ONLY]
    assert chunks[:2] == [1024, 1024]
    assert sum(chunks) == 2500


@pytest.mark.parametrize("budget", [1, 7, 20, 33])
async def test_kept_thinking_never_exceeds_the_token_budget(budget: int) -> None:
    trace = await run_loop(a_pair(scores=(9, 0)), token_budget=budget)
    kept = sum(step.num_kept_tokens for step in trace.steps if step.phase is Phase.THINK)
    assert kept <= budget


# A busy machine runs an example slowly.
@settings(deadline=None)
@given(
    scheme=st.sampled_from([scheme for scheme in SchemeName if scheme.fits(base_speculates=False)]),
    scores=st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=5),
    texts=st.lists(st.sampled_from(["So. ", "Now.\n\n", "Ends", "</think>"]), min_size=1, max_size=6),
    budget=st.integers(1, 60),
    max_steps=st.integers(1, 5),
    max_step_tokens=st.integers(1, 12),
    first_steps_on_base=st.integers(0, 3),
)
def test_no_step_keeps_more_tokens_than_were_generated_for_it_and_the_loop_puts_in_only_the_closing(
    scheme: SchemeName, scores: list[int | None], texts: list[str], budget: int, max_steps: int, **config: int
) -> None:
    def write(prompt: str, seed: int) -> str:
        return ANSWER if "</think>" in prompt else "".join(texts)

    pair = scripted_pair(
        drafter=ScriptedEngine(respond=write), base=ScriptedEngine(respond=write, scores=tuple(scores))
    )
    trace = asyncio.run(run_loop(pair, scheme=scheme, token_budget=budget, max_steps=max_steps, **config))
    for step in trace.steps:
        assert 0 <= step.num_kept_tokens <= step.num_spent_tokens
        assert len(step.kept_ids) == step.num_kept_tokens + step.num_inserted_tokens
        assert (step.num_inserted_tokens > 0) is step.decision.closes_thinking
    transcript = Transcript(pair, user_turn("What is 2 + 2?"), trace.steps)
    kept = sum(step.num_kept_tokens + step.num_inserted_tokens for step in trace.steps)
    assert transcript.num_tokens(Role.BASE) == transcript.num_prompt_tokens[Role.BASE] + kept


async def test_at_the_token_budget_the_thinking_is_closed_and_an_answer_asked_for() -> None:
    trace = await run_loop(a_pair(), token_budget=5)
    assert decisions(trace)[-2:] == [Decision.CLOSED_TOKEN_BUDGET, Decision.ANSWER]
    assert trace.steps[-2].author is None
    assert trace.steps[-2].kept_text == "</think>"
    assert trace.answer_text == ANSWER
    assert trace.stop_reason is StopReason.TOKEN_BUDGET


async def test_at_the_token_budget_a_run_may_stop_without_an_answer() -> None:
    trace = await run_loop(a_pair(), token_budget=5, on_budget="stop")
    assert trace.answer_text is None
    assert trace.stop_reason is StopReason.TOKEN_BUDGET


async def test_thinking_that_closes_right_at_the_budget_still_answers() -> None:
    whole = await run_loop(a_pair())
    budget = sum(step.num_kept_tokens for step in whole.steps if step.phase is Phase.THINK)
    trace = await run_loop(a_pair(), token_budget=budget, on_budget="stop")
    assert trace.stop_reason is StopReason.ANSWERED


async def test_a_model_that_never_closes_its_thinking_ends_at_max_steps() -> None:
    engine = ScriptedEngine(respond=lambda prompt, seed: "again.\n\n" * 50)
    trace = await run_loop(scripted_pair(drafter=engine, base=engine), max_steps=6, max_same_steps=0)
    assert decisions(trace)[-2:] == [Decision.CLOSED_MAX_STEPS, Decision.ANSWER]
    assert trace.stop_reason is StopReason.MAX_STEPS


@pytest.mark.parametrize(
    "circle", [["again.\n\n"], ["this, ", "but ", "then.\n\n"], [f"{i}.\n\n" for i in range(8)]]
)
async def test_thinking_that_goes_in_circles_is_closed_and_answered(circle: list[str]) -> None:
    def go_round(prompt: str, seed: int) -> str:
        at = prompt.rpartition("<think>")[2].count("\n\n")
        return ANSWER if "</think>" in prompt else ("".join(circle) if len(circle) < 8 else circle[at % 8])

    engine = ScriptedEngine(respond=go_round)
    trace = await run_loop(scripted_pair(drafter=engine, base=engine), max_same_steps=3)
    assert decisions(trace)[-2:] == [Decision.CLOSED_REPEATED_STEP, Decision.ANSWER]
    assert trace.stop_reason is StopReason.REPEATED_STEP
    assert trace.answer_text == ANSWER
    assert len(trace.steps) == 3 * (len(circle) if len(circle) == 8 else 1) + 2


class WordyTokenizer(ScriptedTokenizer):
    """Takes two tokens for everything."""

    @property
    def vocabulary_id(self) -> str:
        return "wordy"

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(each for token_id in super().encode(text) for each in (token_id, FILLER))

    def encode_text(self, text: str) -> tuple[int, ...]:
        return tuple(each for token_id in super().encode_text(text) for each in (token_id, FILLER))

    def decode(self, token_ids: Sequence[int]) -> str:
        return super().decode([token_id for token_id in token_ids if token_id != FILLER])


async def test_the_model_whose_vocabulary_takes_more_tokens_for_the_same_text_fills_its_context_first() -> (
    None
):
    def go_on(prompt: str, seed: int) -> str:
        return ANSWER if "</think>" in prompt else "once more.\n\n" * 9

    pair = scripted_pair(
        drafter=ScriptedEngine(respond=go_on, max_model_len=600, tokenizer=WordyTokenizer()),
        base=ScriptedEngine(respond=go_on, max_model_len=600, scores=(0,)),
    )
    trace = await run_loop(pair, max_answer_tokens=40, max_same_steps=0)
    assert trace.stop_reason is StopReason.CONTEXT_FULL
    assert trace.answer_text == ANSWER
    kept = sum(step.num_kept_tokens for step in trace.steps)
    assert 150 < kept < 320  # of the base's tokens, in a context of 600


async def test_steps_that_come_again_with_others_between_them_are_no_circle() -> None:
    steps = [text for i in range(6) for text in ("So.\n\n", f"{i}.\n\n")]
    engine = ScriptedEngine(steps=[*steps, "</think>"], answer=ANSWER)
    trace = await run_loop(scripted_pair(drafter=engine, base=engine), max_same_steps=2)
    assert trace.stop_reason is StopReason.ANSWERED


async def test_tiny_steps_are_merged_until_they_have_the_tokens_asked_for() -> None:
    engine = ScriptedEngine(steps=["So.\n\n", "Now.\n\n", "Add them up.\n\n", "Done.</think>"], answer=ANSWER)
    trace = await run_loop(scripted_pair(drafter=engine, base=engine), min_step_tokens=5)
    assert [s.kept_text for s in trace.steps[:-1]] == ["So.\n\nNow.\n\n", "Add them up.\n\n", "Done.</think>"]


async def test_the_expected_score_decides_where_it_is_asked_for() -> None:
    # The double says 9 with probability 0.9: the mean over its ten digits is 8.6.
    kept = await run_loop(a_pair(), threshold=9)
    assert decisions(kept)[0] is Decision.ACCEPTED
    trace = await run_loop(a_pair(), threshold=9, score_method="expected")
    assert decisions(trace)[0] is Decision.REJECTED
    assert trace.steps[0].verdict is not None
    assert trace.steps[0].verdict.expected_score == pytest.approx(8.6, abs=0.1)


async def test_the_drafter_may_answer_and_sample_in_its_own_way() -> None:
    trace = await run_loop(a_pair(), answer_by="drafter")
    assert (trace.steps[-1].author, trace.answer_text) == (Role.DRAFTER, "\\boxed{5}")
    hot = scripted_pair(
        drafter=ScriptedEngine(respond=lambda prompt, seed: "hot</think>" if seed else "cold</think>"),
        base=ScriptedEngine(steps=WRITTEN, answer=ANSWER),
    )
    trace = await run_loop(hot, temperature=0, drafter_temperature=1)
    assert trace.steps[0].kept_text == "hot</think>"


@pytest.mark.parametrize("scheme", ["specdecode", "specreason+decode"])
async def test_a_pair_without_token_level_speculation_refuses_the_schemes_that_need_it(scheme: str) -> None:
    with pytest.raises(PermanentJobError, match=naming("config.scheme:", f"'{scheme}'", "'scripted'")):
        await run_loop(a_pair(), scheme=scheme)


@pytest.mark.parametrize(
    ("scheme", "decision"), [("specdecode", Decision.BASE_ONLY), ("specreason+decode", Decision.ACCEPTED)]
)
async def test_a_pair_with_token_level_speculation_runs_its_schemes_and_no_plain_ones(
    scheme: str, decision: Decision
) -> None:
    pair = dataclasses.replace(a_pair(), base_speculates=True)
    assert decisions(await run_loop(pair, scheme=scheme))[0] is decision
    with pytest.raises(PermanentJobError, match=naming("config.scheme:", "'specreason'", "'scripted'")):
        await run_loop(pair, scheme="specreason")


async def test_a_full_context_closes_the_thinking_and_leaves_room_for_the_answer() -> None:
    engine = ScriptedEngine(respond=lambda prompt, seed: "again.\n\n" * 500, max_model_len=400)
    trace = await run_loop(scripted_pair(drafter=engine, base=engine), max_answer_tokens=20, max_same_steps=0)
    assert trace.stop_reason is StopReason.CONTEXT_FULL
    assert trace.answer_text


async def test_a_sequence_that_ends_inside_the_thinking_is_closed_and_answered() -> None:
    base = ScriptedEngine(
        respond=lambda prompt, seed: ANSWER if "</think>" in prompt else "no closing tag", scores=(9,)
    )
    trace = await run_loop(scripted_pair(drafter=ScriptedEngine(steps=["short"]), base=base))
    assert decisions(trace) == [Decision.ACCEPTED, Decision.CLOSED_EOS, Decision.ANSWER]
    assert trace.steps[0].kept_text == "short"
    assert trace.stop_reason is StopReason.ANSWERED


async def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(PromptTooLong, match=r"^problem: .*\d+ tokens.*\b20\b"):
        await run_loop(a_pair(max_model_len=20))


@pytest.mark.parametrize("scores", [(9,), (0,), (9, 3, None)])
@pytest.mark.parametrize("config", [{}, {"scheme": "base"}, {"token_budget": 9}, {"first_steps_on_base": 1}])
async def test_a_run_resumed_after_any_step_ends_exactly_like_the_whole_run(
    scores: tuple[int | None, ...], config: dict[str, Any]
) -> None:
    whole = await run_loop(a_pair(scores=scores), **config)
    for cut in range(len(whole.steps)):
        resumed = await run_loop(a_pair(scores=scores), resume_from=whole.steps[:cut], **config)
        assert [s.kept_ids for s in resumed.steps] == [s.kept_ids for s in whole.steps]
        assert decisions(resumed) == decisions(whole)
        assert resumed.stop_reason is whole.stop_reason


async def test_spent_tokens_count_drafts_verdicts_and_rewrites() -> None:
    trace = await run_loop(a_pair(scores=(0,)))
    step = trace.steps[0]
    assert step.draft is not None
    assert step.written is not None
    assert step.num_spent_tokens == step.draft.num_tokens + 1 + step.written.num_tokens
