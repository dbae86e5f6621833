"""What every Engine promises, on the scripted double and on real vLLM alike."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from specreason.engines.base import THINK_END, Completion, Engine, FinishReason, Limits, ModelPair, Sampling
from specreason.engines.scripted.engine import ScriptedEngine
from specreason.engines.tokenizer import digit_ids
from specreason.errors import PermanentJobError, PromptTooLong
from specreason.submission.chat import user_turn

# The first test on vLLM pays for loading the pair, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)

OnLoop = Callable[[Any], Any]

HOT = Sampling(temperature=1.0, top_p=1.0)
GREEDY = Sampling(temperature=0.0)
DELIMITER = "\n\n"
STEP = Limits(max_tokens=400, delimiter=DELIMITER)
UNBOUNDED = Limits(max_tokens=200, delimiter=None, stop_at_think_end=False)
SUFFIX = "\nScore 0-9: "
MAX_MODEL_LEN = 2048
BLOCK_SIZE = 32
NUM_SEEDS, AT_ONCE = 60, 10
_PIECES = ("a", "b ", "is", "7", "+", "\n", DELIMITER, "." + DELIMITER, THINK_END, "<eos>")


def babble(prompt: str, seed: int) -> str:
    """What a random model says: every stop comes up sooner or later."""
    draw = random.Random(f"{prompt}{seed}")
    return "".join(draw.choices(_PIECES, weights=(60, 60, 60, 60, 60, 30, 6, 6, 1, 1), k=600))


@pytest.fixture(params=["scripted", "vllm", "vllm that drafts tokens"])
def engine(request: pytest.FixtureRequest) -> Engine:
    pair: ModelPair
    if request.param == "vllm":
        pair = request.getfixturevalue("vllm_pair")
        return pair.drafter
    if request.param == "vllm that drafts tokens":
        pair = request.getfixturevalue("speculating_pair")
        return pair.base
    return ScriptedEngine(respond=babble, token_s=0.0005, max_model_len=MAX_MODEL_LEN)


@pytest.fixture
def prompt(engine: Engine) -> tuple[int, ...]:
    return engine.tokenizer.render_prompt(user_turn("Start with 47. Add 8. What is the result?"))


async def find(
    engine: Engine, prompt: tuple[int, ...], limits: Limits, wanted: Callable[[Completion], bool]
) -> tuple[int, Completion]:
    """The first seed whose completion is as wanted: random models write every stop sooner or later."""
    for first in range(0, NUM_SEEDS, AT_ONCE):
        seeds = range(first, first + AT_ONCE)
        calls = (engine.generate(prompt, limits=limits, sampling=HOT, seed=seed) for seed in seeds)
        for seed, completion in zip(seeds, await asyncio.gather(*calls), strict=True):
            if wanted(completion):
                return seed, completion
    raise AssertionError(f"none of {NUM_SEEDS} seeds gave the completion that this test is about")


def finished(reason: FinishReason) -> Callable[[Completion], bool]:
    return lambda completion: completion.finish_reason is reason


@pytest.mark.parametrize("max_tokens", [1, 7, 33])
def test_a_completion_cut_by_length_has_exactly_max_tokens(engine, prompt, on_loop: OnLoop, max_tokens):
    limits = Limits(max_tokens=max_tokens, stop_at_think_end=False)
    _, completion = on_loop(find(engine, prompt, limits, finished(FinishReason.LENGTH)))
    assert completion.num_tokens == max_tokens


def test_a_step_ends_with_the_token_that_completes_the_delimiter(engine, prompt, on_loop: OnLoop):
    _, step = on_loop(find(engine, prompt, STEP, finished(FinishReason.DELIMITER)))
    assert DELIMITER in step.text
    assert DELIMITER not in engine.tokenizer.decode(step.token_ids[:-1])


def test_a_delimiter_merged_into_a_larger_token_ends_the_step_and_the_token_is_kept_whole(
    engine, prompt, on_loop: OnLoop
):
    def merged(step: Completion) -> bool:
        last = engine.tokenizer.decode(step.token_ids[-1:])
        return finished(FinishReason.DELIMITER)(step) and DELIMITER in last and last != DELIMITER

    _, step = on_loop(find(engine, prompt, STEP, merged))
    assert step.text.endswith(engine.tokenizer.decode(step.token_ids[-1:]))


def test_a_delimiter_before_min_tokens_does_not_end_a_step_and_the_end_of_thinking_does(
    engine, prompt, on_loop: OnLoop
):
    limits = Limits(max_tokens=400, delimiter=DELIMITER, min_tokens=50)

    def passed_over(step: Completion) -> bool:
        return finished(FinishReason.DELIMITER)(step) and DELIMITER in step.text[:20]

    _, step = on_loop(find(engine, prompt, limits, passed_over))
    assert step.num_tokens > 50
    assert DELIMITER in engine.tokenizer.decode(step.token_ids[50:])
    _, closed = on_loop(find(engine, prompt, limits, lambda c: c.num_tokens < 50))
    assert closed.finish_reason in {FinishReason.THINK_END, FinishReason.EOS}


def test_min_tokens_never_lengthen_a_completion_beyond_max_tokens(engine, prompt, on_loop: OnLoop):
    limits = Limits(max_tokens=9, delimiter=DELIMITER, min_tokens=9, stop_at_think_end=False)
    _, step = on_loop(find(engine, prompt, limits, finished(FinishReason.LENGTH)))
    assert step.num_tokens == 9


def test_without_a_delimiter_the_completion_runs_through_blank_lines(engine, prompt, on_loop: OnLoop):
    _, chunk = on_loop(find(engine, prompt, UNBOUNDED, lambda c: c.text.count(DELIMITER) > 1))
    assert chunk.finish_reason in {FinishReason.LENGTH, FinishReason.EOS}


def test_the_end_of_thinking_ends_a_completion_and_is_its_last_token(engine, prompt, on_loop: OnLoop):
    limits = Limits(max_tokens=200)
    _, completion = on_loop(find(engine, prompt, limits, finished(FinishReason.THINK_END)))
    assert engine.tokenizer.decode(completion.token_ids[-1:]) == THINK_END
    assert completion.text.count(THINK_END) == 1


def test_the_end_of_thinking_is_ordinary_text_where_asked_for(engine, prompt, on_loop: OnLoop):
    _, completion = on_loop(find(engine, prompt, UNBOUNDED, lambda c: THINK_END in c.text[:-10]))
    assert completion.finish_reason in {FinishReason.LENGTH, FinishReason.EOS}


def test_the_end_of_sequence_always_ends_a_completion_and_its_token_is_kept(engine, prompt, on_loop: OnLoop):
    _, completion = on_loop(find(engine, prompt, UNBOUNDED, finished(FinishReason.EOS)))
    assert 0 < completion.num_tokens < UNBOUNDED.max_tokens
    assert engine.tokenizer.decode(completion.token_ids[-1:]) in {"<eos>", "<|eos|>"}


@pytest.mark.parametrize("limits", [STEP, UNBOUNDED])
def test_the_text_is_the_decoded_ids(engine, prompt, on_loop: OnLoop, limits):
    async def completions() -> list[Completion]:
        calls = (engine.generate(prompt, limits=limits, sampling=HOT, seed=seed) for seed in range(5))
        return await asyncio.gather(*calls)

    for completion in on_loop(completions()):
        assert completion.text == engine.tokenizer.decode(completion.token_ids)


def test_a_step_whose_prompt_ends_inside_a_character_has_its_own_delimiter(engine, on_loop: OnLoop):
    tokenizer = engine.tokenizer
    cut = (*tokenizer.encode(f"abc{DELIMITER}na"), tokenizer.encode("\u00ef")[0])

    async def steps() -> list[Completion]:
        calls = (engine.generate(cut, limits=STEP, sampling=HOT, seed=seed) for seed in range(20))
        return await asyncio.gather(*calls)

    for step in on_loop(steps()):
        assert (step.finish_reason is FinishReason.DELIMITER) == (DELIMITER in step.text)
        assert step.num_tokens <= STEP.max_tokens


def test_the_same_seed_writes_the_same_tokens_and_another_seed_writes_others(engine, prompt, on_loop: OnLoop):
    first, again, other = (
        on_loop(engine.generate(prompt, limits=UNBOUNDED, sampling=HOT, seed=seed)) for seed in (5, 5, 6)
    )
    assert first.token_ids == again.token_ids
    assert first.token_ids != other.token_ids


def test_greedy_decoding_does_not_depend_on_the_seed(engine, prompt, on_loop: OnLoop):
    one, two = (on_loop(engine.generate(prompt, limits=STEP, sampling=GREEDY, seed=seed)) for seed in (1, 2))
    assert one.token_ids == two.token_ids


# Not of the scripted engine, which ignores how it is to draw.
@pytest.mark.parametrize("engine", ["vllm", "vllm that drafts tokens"], indirect=True)
def test_drawing_from_the_one_likeliest_token_is_greedy_decoding(engine, prompt, on_loop: OnLoop):
    """Tokens that tie for the first place would be drawn from, but none of this prompt's do."""
    greedy = on_loop(engine.generate(prompt, limits=UNBOUNDED, sampling=GREEDY, seed=0))
    for seed in range(3):
        one = Sampling(temperature=1.0, top_p=1.0, top_k=1)
        drawn = on_loop(engine.generate(prompt, limits=UNBOUNDED, sampling=one, seed=seed))
        assert drawn.token_ids == greedy.token_ids


@pytest.mark.parametrize("engine", ["vllm"], indirect=True)
def test_min_p_leaves_the_likely_tokens_and_keeps_the_seeds_promise(engine, prompt, on_loop: OnLoop):
    def drawn(min_p: float, seed: int) -> tuple[int, ...]:
        sampling = Sampling(temperature=1.0, top_p=0.95, top_k=50, min_p=min_p)
        return on_loop(engine.generate(prompt, limits=UNBOUNDED, sampling=sampling, seed=seed)).token_ids

    assert drawn(0.05, 5) == drawn(0.05, 5) != drawn(0.05, 6)
    assert drawn(1.0, 5) == drawn(1.0, 6)


@pytest.mark.parametrize("engine", ["vllm that drafts tokens"], indirect=True)
def test_an_engine_that_drafts_tokens_refuses_min_p_and_serves_on(engine, prompt, on_loop: OnLoop):
    with pytest.raises(PermanentJobError, match="min_p"):
        on_loop(engine.generate(prompt, limits=STEP, sampling=Sampling(min_p=0.1), seed=0))
    assert on_loop(engine.generate(prompt, limits=STEP, sampling=HOT, seed=0)).num_tokens > 0


def test_timings_are_positive_and_the_first_token_comes_before_the_last(engine, prompt, on_loop: OnLoop):
    completion = on_loop(engine.generate(prompt, limits=UNBOUNDED, sampling=HOT, seed=5))
    assert completion.num_prompt_tokens == len(prompt)
    assert 0 < completion.ttft_s < completion.latency_s


def test_a_verdict_is_one_token_and_ten_probabilities(engine, prompt, on_loop: OnLoop):
    digits = digit_ids(engine.tokenizer, SUFFIX)
    question = (*prompt, *engine.tokenizer.encode(SUFFIX))
    verdict, again = (on_loop(engine.score(question, digit_ids=digits)) for _ in range(2))
    assert len(verdict.digit_probs) == 10
    known = [p for p in verdict.digit_probs if p is not None]
    assert all(0 <= p <= 1 for p in known)
    assert (verdict.non_digit_mass is None) == (len(known) < 10)
    assert 0 <= (verdict.non_digit_mass or 0) <= 1
    assert verdict.digit == (digits.index(verdict.token_id) if verdict.token_id in digits else None)
    assert (verdict.token_id, verdict.digit) == (again.token_id, again.digit)
    for p, p_again in zip(verdict.digit_probs, again.digit_probs, strict=True):
        assert (p is None and p_again is None) or p == pytest.approx(p_again, rel=0.05)
    assert verdict.latency_s > 0


def test_a_prompt_that_fills_the_context_is_refused_and_the_engine_serves_on(engine, prompt, on_loop: OnLoop):
    too_long = (prompt * MAX_MODEL_LEN)[:MAX_MODEL_LEN]
    with pytest.raises(PromptTooLong, match="2048"):
        on_loop(engine.generate(too_long, limits=STEP, sampling=HOT, seed=0))
    fits = on_loop(engine.generate(too_long[:-3], limits=UNBOUNDED, sampling=HOT, seed=0))
    assert fits.num_tokens <= 3


def test_cancelling_a_call_takes_its_request_out_of_the_engine(engine, prompt, on_loop: OnLoop):
    async def cancel_midway() -> int:
        seed, _ = await find(engine, prompt, UNBOUNDED, finished(FinishReason.LENGTH))
        call = asyncio.create_task(engine.generate(prompt, limits=UNBOUNDED, sampling=HOT, seed=seed))
        await asyncio.sleep(0.05)
        assert engine.num_unfinished == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return engine.num_unfinished

    assert on_loop(cancel_midway()) == 0
    assert on_loop(engine.generate(prompt, limits=STEP, sampling=HOT, seed=1)).num_tokens > 0


def test_many_calls_in_flight_get_each_its_own_completion(engine, prompt, on_loop: OnLoop):
    async def together() -> list[Completion]:
        limits = Limits(max_tokens=40, stop_at_think_end=False)
        # Different prompts: an engine that drafts tokens may draw the same for two seeds.
        prompts = [(*prompt, 100 + seed) for seed in range(12)]
        calls = (
            engine.generate(each, limits=limits, sampling=HOT, seed=seed) for seed, each in enumerate(prompts)
        )
        return await asyncio.gather(*calls)

    completions = on_loop(together())
    # Random models end some early, and two of these may be the same few tokens.
    whole = [each.token_ids for each in completions if each.num_tokens == 40]
    assert len(set(whole)) == len(whole) > 1
    assert engine.num_unfinished == 0


def test_a_long_completion_holds_up_no_short_ones(engine, prompt, on_loop: OnLoop):
    endless = Limits(max_tokens=1500, delimiter=None, stop_at_think_end=False)
    short = Limits(max_tokens=4, stop_at_think_end=False)

    async def beside_long_ones() -> bool:
        """Random models end some of the long ones early, but not all of them."""
        many = [engine.generate(prompt, limits=endless, sampling=HOT, seed=seed) for seed in range(8)]
        long = [asyncio.create_task(each) for each in many]
        for seed in range(3):
            await engine.generate(prompt, limits=short, sampling=HOT, seed=100 + seed)
        run_on = [not each.done() for each in long]
        for each in long:
            each.cancel()
        await asyncio.gather(*long, return_exceptions=True)
        return any(run_on)

    assert on_loop(beside_long_ones())


def test_verdicts_and_completions_in_flight_together_leave_each_other_and_the_engine_whole(
    engine, prompt, on_loop: OnLoop
):
    digits = digit_ids(engine.tokenizer, SUFFIX)
    question = (*prompt, *engine.tokenizer.encode(SUFFIX))
    limits = Limits(max_tokens=40, stop_at_think_end=False)

    async def mixed() -> list[int]:
        alone = await engine.score(question, digit_ids=digits)
        for sampling in (HOT, GREEDY):
            writing = [
                engine.generate(prompt, limits=limits, sampling=sampling, seed=seed) for seed in range(8)
            ]
            scoring = [engine.score(question, digit_ids=digits) for _ in range(8)]
            completions, verdicts = await asyncio.gather(asyncio.gather(*writing), asyncio.gather(*scoring))
            assert all(completion.num_tokens > 0 for completion in completions)
            assert alone.token_id in {verdict.token_id for verdict in verdicts}
        await engine.check_health()
        return [engine.num_unfinished]

    assert on_loop(mixed()) == [0]


def test_verification_prefills_about_the_new_step_and_the_suffix(engine, prompt, on_loop: OnLoop):
    digits = digit_ids(engine.tokenizer, SUFFIX)
    suffix = engine.tokenizer.encode(SUFFIX)

    async def verify_three_steps() -> None:
        transcript = (*prompt, *engine.tokenizer.encode("Fresh text that nothing has cached before. " * 5))
        await engine.score((*transcript, *suffix), digit_ids=digits)
        for seed in range(3):
            limits = Limits(max_tokens=40, stop_at_think_end=False)
            step = (await engine.generate(transcript, limits=limits, sampling=HOT, seed=seed)).token_ids
            transcript = (*transcript, *step)
            verdict = await engine.score((*transcript, *suffix), digit_ids=digits)
            num_computed = verdict.num_prompt_tokens - verdict.num_cached_tokens
            assert num_computed < len(step) + len(suffix) + BLOCK_SIZE
            assert verdict.num_cached_tokens > 0

    on_loop(verify_three_steps())


def test_the_largest_seed_serves_every_request_of_a_completion(engine, prompt, on_loop: OnLoop):
    """A completion of several requests counts up from its seed."""
    limits = Limits(max_tokens=40, delimiter=DELIMITER, min_tokens=5)
    completion = on_loop(engine.generate(prompt, limits=limits, sampling=HOT, seed=(1 << 63) - 1))
    assert 0 < completion.num_tokens <= 40
