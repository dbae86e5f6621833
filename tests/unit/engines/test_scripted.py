"""The scripted engine's own promises, beyond those of every Engine (tests/conformance/test_engine.py)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreason.engines.base import FinishReason, Limits, Sampling
from specreason.engines.scripted.engine import JUDGE_SUFFIX, ScriptedEngine, scripted_pair
from specreason.engines.scripted.tokenizer import ScriptedTokenizer
from specreason.engines.tokenizer import digit_ids
from specreason.errors import EngineDead, InputError
from specreason.submission.chat import Message, user_turn
from tests.support.virtual_time import in_virtual_time

STEPS = ["Start with 2.\n\n", "Add 2: 4\n\n", "</think>"]
STEP = Limits(max_tokens=100, delimiter="\n\n")
TOKENIZER = ScriptedTokenizer()


async def write(engine: ScriptedEngine, transcript: str = "", *, limits: Limits = STEP, seed: int = 0):
    prompt = (*TOKENIZER.render_prompt(user_turn("2 + 2?")), *TOKENIZER.encode(transcript))
    return await engine.generate(prompt, limits=limits, sampling=Sampling(), seed=seed)


async def judge(engine: ScriptedEngine, transcript: str, suffix: str = JUDGE_SUFFIX):
    prompt = (
        *TOKENIZER.render_prompt(user_turn("2 + 2?")),
        *TOKENIZER.encode(transcript),
        *TOKENIZER.encode(suffix),
    )
    return await engine.score(prompt, digit_ids=digit_ids(TOKENIZER, suffix))


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(steps=STEPS, answer="\\boxed{4}", scores=[9, 3, None])


@pytest.mark.parametrize(
    ("transcript", "text", "finish"),
    [
        ("", STEPS[0], FinishReason.DELIMITER),
        (STEPS[0], STEPS[1], FinishReason.DELIMITER),
        ("Someone else wrote this.\n\n", STEPS[1], FinishReason.DELIMITER),
        (STEPS[0] + "Add 2", ": 4\n\n", FinishReason.DELIMITER),
        (STEPS[0] + STEPS[1], "</think>", FinishReason.THINK_END),
        ("Cut short.\n\n</think>\n\n", "\\boxed{4}<eos>", FinishReason.EOS),
    ],
)
async def test_the_prompt_alone_decides_which_step_comes_next(engine, transcript, text, finish):
    completion = await write(engine, transcript)
    assert (completion.text, completion.finish_reason) == (text, finish)


async def test_without_limits_it_writes_everything_that_is_left(engine):
    whole = Limits(max_tokens=1000, stop_at_think_end=False)
    completion = await write(engine, STEPS[0], limits=whole)
    assert completion.text == "Add 2: 4\n\n</think>\\boxed{4}<eos>"


async def test_a_respond_function_sees_the_prompt_text_and_the_seed():
    engine = ScriptedEngine(respond=lambda prompt, seed: f"{prompt.count('2')} twos, seed {seed}\n\n")
    assert (await write(engine, seed=7)).text == "2 twos, seed 7\n\n"


async def test_a_delimiter_written_in_two_tokens_ends_the_step():
    engine = ScriptedEngine(respond=lambda prompt, seed: "step---next")
    completion = await write(engine, limits=Limits(max_tokens=100, delimiter="---"))
    assert completion.text == "step---"


async def test_the_last_permitted_token_may_still_complete_a_stop(engine):
    exact = len(TOKENIZER.encode(STEPS[0]))
    completion = await write(engine, limits=Limits(max_tokens=exact, delimiter="\n\n"))
    assert completion.finish_reason is FinishReason.DELIMITER


async def test_scores_belong_to_steps_and_not_to_the_order_of_calls(engine):
    third, first, second = [
        await judge(engine, transcript) for transcript in ("a\n\nb\n\nc\n\n", STEPS[0], STEPS[0] + STEPS[1])
    ]
    assert (first.digit, second.digit, third.digit) == (9, 3, None)
    assert max(first.digit_probs) == first.digit_probs[9]
    assert third.token_id not in digit_ids(TOKENIZER, JUDGE_SUFFIX)


def test_latency_passes_before_and_between_tokens():
    completion = in_virtual_time(
        lambda clock: write(ScriptedEngine(steps=["abcd"], latency_s=30, token_s=10, clock=clock))
    )
    assert completion.ttft_s == pytest.approx(30 + 10)
    assert completion.latency_s == pytest.approx(30 + 10 * completion.num_tokens)


@dataclass(frozen=True, slots=True)
class Remembering:
    """A timing of no time that remembers what it was asked for."""

    asked: list[tuple[str, float, float, float]] = field(default_factory=list)

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        self.asked.append(("first", new, cached, in_flight))
        return 1

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        self.asked.append(("next", context, 0, in_flight))
        return 1


def test_a_timing_is_told_what_is_cached_and_how_many_calls_are_in_flight():
    async def calls(clock):
        timing = Remembering()
        engine = ScriptedEngine(respond=lambda prompt, seed: "x" * 99, timing=timing, clock=clock)
        prompt, limits = TOKENIZER.encode("p" * 40), Limits(max_tokens=8)
        sampling = Sampling()
        await engine.generate(prompt, limits=limits, sampling=sampling, seed=0)
        both = [engine.generate(prompt, limits=limits, sampling=sampling, seed=0) for _ in range(2)]
        ended = await asyncio.gather(*both)
        return timing.asked, [completion.latency_s for completion in ended]

    asked, latencies = in_virtual_time(calls)
    assert set(asked[:2]) == {("first", 40, 0, 1), ("next", 44, 0, 1)}
    assert {("first", 8, 32, 1), ("first", 8, 32, 2)} <= set(asked[2:])
    assert latencies == [8, 8]


def test_an_engine_is_silent_for_as_long_as_a_call_has_been_in_flight():
    async def silences(clock):
        engine = ScriptedEngine(steps=["a"], latency_s=60, clock=clock)
        call = asyncio.create_task(write(engine))
        await asyncio.sleep(7)
        inside = engine.silent_s
        await call
        return inside, engine.silent_s

    assert in_virtual_time(silences) == (7, 0)


async def test_after_die_after_calls_every_call_finds_the_engine_dead():
    engine = ScriptedEngine(steps=STEPS, die_after=2)
    await write(engine)
    await judge(engine, STEPS[0])
    for _ in range(2):
        with pytest.raises(EngineDead):
            await write(engine)
    with pytest.raises(EngineDead):
        await engine.check_health()


@pytest.mark.parametrize("how", [ScriptedEngine.die, ScriptedEngine.close])
def test_an_engine_that_dies_fails_its_calls_in_flight_at_once(how):
    async def die(clock):
        engine = ScriptedEngine(steps=STEPS, latency_s=60, clock=clock)
        call = asyncio.create_task(write(engine))
        await asyncio.sleep(1)
        ended = how(engine)
        if ended is not None:
            await ended
        with pytest.raises(EngineDead):
            await call
        return engine.num_unfinished, clock()

    assert in_virtual_time(die) == (0, 1)


@pytest.mark.parametrize("text", ["a.\n\nb\n\n\nc", "<think>\n</think>x<eos>", "ïé漢🙂", ""])
def test_decoding_undoes_encoding(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_a_pair_shares_its_vocabulary_unless_one_tokenizer_is_shifted():
    shifted = ScriptedEngine(tokenizer=ScriptedTokenizer(shift=1000))
    assert scripted_pair(drafter=ScriptedEngine(), base=ScriptedEngine()).shares_vocabulary
    assert not scripted_pair(drafter=shifted, base=ScriptedEngine()).shares_vocabulary


@pytest.mark.parametrize(
    ("encode", "reason"),
    [
        (lambda text: tuple(map(ord, text.replace(" 1", "#"))), "digit 1"),
        (lambda text: tuple(b for c in text for b in ([1, ord(c)] if c == "7" else [ord(c)])), "2 tokens"),
        (lambda text: tuple(ord("0") if c.isdigit() else ord(c) for c in text), "same token"),
    ],
)
def test_a_judge_suffix_after_which_a_digit_is_not_one_token_of_its_own_is_refused(encode, reason):
    class Odd(ScriptedTokenizer):
        def encode(self, text: str) -> tuple[int, ...]:
            return encode(text)

    with pytest.raises(InputError, match=reason):
        digit_ids(Odd(), "Score: ")


@given(
    text=st.lists(st.sampled_from(["<eos>", "<think>", "</think>", ".\n\n", "a", "<", "think>"]), max_size=6)
)
def test_what_spells_a_control_token_in_a_prompt_is_text(text: list[str]) -> None:
    said = "".join(text)
    chat = (Message("system", said), Message("assistant", f"<think>{said}</think>!"), *user_turn(said))
    ids = TOKENIZER.render_prompt(chat)
    assert TOKENIZER.decode(ids) == f"System: {said}\nAssistant: !\nUser: {said}\n<think>\n"
    control = [TOKENIZER.encode(each)[0] for each in ("<eos>", "<think>", "</think>")]
    assert [each for each in ids if each in control] == [control[1]]
