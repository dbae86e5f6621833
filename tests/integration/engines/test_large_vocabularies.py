"""What changes with a vocabulary of real size and shape: merged delimiters, digits, characters over several tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from specreason.config import RunConfig
from specreason.engines.base import Completion, Limits, ModelPair, Role, Sampling
from specreason.engines.judge import OPENING, QUESTION
from specreason.engines.scripted.engine import JUDGE_SUFFIX, ScriptedEngine, scripted_pair
from specreason.engines.tokenizer import HFTokenizer, digit_ids
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink, Phase, StepRecord, Trace
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.large_vocabulary import EMOJI, LLAMA, QWEN, Vocabulary, in_bytes, large_hf_tokenizer

PROBLEM = f"What is 2 + 2 {EMOJI}?"
THOUGHT = f"let me add {EMOJI}.\n\nso 2 + 2 = 4!\n\n令 x = 4 {EMOJI}{EMOJI}:\n\n∑ is 4, {EMOJI}?!\n\nit is so.</think>"
ANSWER = f"\\boxed{{4}} {EMOJI}"
BLANK = "\n\n"


class LargeTokenizer(HFTokenizer):
    """Knows the end of sequence, as a ScriptedEngine asks of its tokenizer."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        hf = large_hf_tokenizer(vocabulary)
        super().__init__(hf)
        self.eos_id: int = hf.eos_token_id


class Reciter(ScriptedEngine):
    """Writes thought and answer token by token, from wherever the ids of the prompt leave off, as a model would."""

    def __init__(self, tokenizer: LargeTokenizer, **options: Any) -> None:
        super().__init__(tokenizer=tokenizer, **options)
        self._start = len(tokenizer.render_prompt(user_turn(PROBLEM)))
        self._whole = (*tokenizer.encode(THOUGHT + ANSWER), tokenizer.eos_id)

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        left = self._whole[len(prompt_ids) - self._start :]
        ids, finish = self._cut(left, limits, limits.max_tokens)
        return Completion(
            token_ids=ids,
            text=self.tokenizer.decode(ids),
            finish_reason=finish,
            num_prompt_tokens=len(prompt_ids),
            num_cached_tokens=0,
            ttft_s=0.0,
            latency_s=0.0,
        )


@pytest.fixture(scope="module")
def qwen() -> LargeTokenizer:
    return LargeTokenizer(QWEN)


@pytest.fixture(scope="module")
def llama() -> LargeTokenizer:
    return LargeTokenizer(LLAMA)


@pytest.fixture(params=["qwen", "llama"])
def tokenizer(request: pytest.FixtureRequest) -> LargeTokenizer:
    return request.getfixturevalue(request.param)


async def run_loop(pair: ModelPair, resume_from: Sequence[StepRecord] = (), **config: Any) -> Trace:
    transcript = Transcript(pair, user_turn(PROBLEM), resume_from)
    run = plan_run(RunConfig(**config), pair, transcript, seed=0, repeat=0)
    return await reason(run, transcript, ListSink())


def test_each_digit_is_one_token_after_the_question_for_a_score(tokenizer: LargeTokenizer) -> None:
    ids = digit_ids(tokenizer, tokenizer.judge_suffix(QUESTION, OPENING))
    assert [tokenizer.decode([each]) for each in ids] == list("0123456789")


def test_every_token_with_the_delimiter_in_it_ends_a_step(tokenizer: LargeTokenizer) -> None:
    written = large_hf_tokenizer(QWEN if tokenizer.eos_id > QWEN.size else LLAMA).get_vocab()
    for delimiter in (BLANK, "?!", "thi", EMOJI):
        found = tokenizer.ids_containing(delimiter)
        assert found == {number for token, number in written.items() if in_bytes(delimiter) in token}
    assert len(tokenizer.ids_containing(BLANK)) > 500
    assert not tokenizer.ids_containing(EMOJI)  # it is two tokens


def test_vocabularies_are_told_apart_by_what_they_hold(qwen: LargeTokenizer, llama: LargeTokenizer) -> None:
    assert qwen.vocabulary_id == LargeTokenizer(QWEN).vocabulary_id
    assert qwen.vocabulary_id != llama.vocabulary_id


async def test_a_step_ends_with_the_token_that_holds_the_delimiter_and_short_ones_are_merged(
    tokenizer: LargeTokenizer,
) -> None:
    pair = scripted_pair(drafter=Reciter(tokenizer), base=Reciter(tokenizer))
    for min_step_tokens in (0, 12):
        trace = await run_loop(pair, min_step_tokens=min_step_tokens)
        *steps, last, answer = trace.steps
        ends = [tokenizer.decode(step.kept_ids[-1:]) for step in steps]
        assert all(end.endswith(BLANK) for end in ends)
        assert any(end != BLANK for end in ends)
        assert all(step.num_kept_tokens > min_step_tokens for step in steps)
        assert (last.kept_text.endswith("</think>"), answer.kept_text) == (True, ANSWER)
        assert trace.text == THOUGHT + ANSWER


@pytest.mark.parametrize("scores", [(9,), (0,), (9, 0, 0)])
async def test_a_character_cut_at_a_steps_end_stays_whole_in_the_texts(
    tokenizer: LargeTokenizer, scores: tuple[int, ...]
) -> None:
    asked = iter(range(10_000))
    base = Reciter(tokenizer, score=lambda prompt: scores[next(asked) % len(scores)])
    pair = scripted_pair(drafter=Reciter(tokenizer), base=base)
    num_cut = 0
    for max_step_tokens in range(1, 9):
        trace = await run_loop(pair, max_step_tokens=max_step_tokens, max_same_steps=0)
        num_cut += sum(tokenizer.decode(step.kept_ids).endswith("\ufffd") for step in trace.steps)
        assert trace.text == THOUGHT + ANSWER
    assert num_cut > 8


async def test_a_run_resumed_inside_a_character_has_the_texts_of_the_whole_run(llama: LargeTokenizer) -> None:
    pair = scripted_pair(drafter=Reciter(llama), base=Reciter(llama))
    whole = await run_loop(pair, max_step_tokens=3)
    for cut in range(len(whole.steps)):
        resumed = await run_loop(pair, whole.steps[:cut], max_step_tokens=3)
        assert [step.kept_text for step in resumed.steps] == [step.kept_text for step in whole.steps]


@pytest.mark.parametrize("max_step_tokens", range(1, 9))
async def test_a_model_of_another_vocabulary_reads_whole_characters(
    qwen: LargeTokenizer, llama: LargeTokenizer, max_step_tokens: int
) -> None:
    seen = []

    def score(prompt: str) -> int:
        seen.append(prompt.removesuffix(JUDGE_SUFFIX))
        return 9

    # The drafter answers: the base would recite from a place that only its own ids can tell.
    pair = scripted_pair(drafter=Reciter(llama), base=Reciter(qwen, score=score))
    trace = await run_loop(pair, max_step_tokens=max_step_tokens, answer_by="drafter", max_same_steps=0)
    thought = [step for step in trace.steps if step.phase is Phase.THINK]
    shown = qwen.decode(qwen.render_prompt(user_turn(PROBLEM)))
    assert seen == [
        shown + "".join(step.kept_text for step in thought[: count + 1]) for count in range(len(thought))
    ]
    assert seen[-1] == shown + THOUGHT
    assert trace.answer_text == ANSWER
    base_ids = Transcript(pair, user_turn(PROBLEM), trace.steps).ids(Role.BASE)
    assert qwen.decode(base_ids) == shown + THOUGHT + ANSWER
