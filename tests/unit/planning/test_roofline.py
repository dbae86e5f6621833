"""The roofline: what a forward takes, against figures worked out by hand from the same data sheets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specreason.errors import InputError
from specreason.planning.cards import Card, known_cards
from specreason.planning.roofline import FAST, PACES, SLOW, Clock, Pace, SpeculatingClock
from specreason.planning.shapes import ModelShape, known_shape

QWQ, R1_SMALL = "Qwen/QwQ-32B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
R1_LARGE = "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"


def shape_of(model: str) -> ModelShape:
    shape = known_shape(model)
    assert shape is not None
    return shape


def clock_of(model: str = QWQ, card: str = "a6000", size: int = 2, pace: Pace = FAST) -> Clock:
    return Clock(shape=shape_of(model), card=known_cards()[card], pace=pace, tensor_parallel_size=size)


@pytest.mark.parametrize(
    ("model", "card", "size", "fast_ms", "slow_ms"),
    [
        (QWQ, "a6000", 2, 55, 67),
        (R1_SMALL, "a6000", 2, 6.6, 11.4),
        (R1_LARGE, "a100-80", 4, 27, 39),
        (QWQ, "h200", 1, 19, 22),
    ],
)
def test_a_token_takes_what_its_bytes_take_at_a_context_of_4000(
    model: str, card: str, size: int, fast_ms: float, slow_ms: float
) -> None:
    found = [1000 * clock_of(model, card, size, pace).decode_s(1, context=4096) for pace in PACES]
    assert found == pytest.approx([fast_ms, slow_ms], rel=0.05)


@pytest.mark.parametrize("card", known_cards())
def test_the_slow_pace_is_the_slower_one_on_every_card(card: str) -> None:
    fast, slow = (clock_of(card=card, pace=pace) for pace in (FAST, SLOW))
    assert fast.decode_s(1, context=1000) < slow.decode_s(1, context=1000)
    assert fast.prefill_s(2000, cached=0) < slow.prefill_s(2000, cached=0)


@pytest.mark.parametrize("pace", PACES)
def test_a_verdict_costs_little_more_than_a_token(pace: Pace) -> None:
    clock = clock_of(pace=pace)
    token_s = clock.decode_s(1, context=4000)
    assert token_s < clock.verdict_s(31, 69, context=4000) < 1.5 * token_s


def test_from_the_ridge_on_each_token_costs_its_arithmetic() -> None:
    clock = clock_of()
    weights = 2 * (clock.shape.num_parameters - clock.shape.num_embedding_parameters)
    read_s = weights / 2 / (768e9 * FAST.bandwidth)
    computed_s = weights / 2 / (154.8e12 * FAST.arithmetic)
    ridge = read_s / computed_s
    assert 100 < ridge < 250
    below, at, twice = (clock.prefill_s(share * ridge, cached=0) for share in (0.1, 1, 2))
    assert at < 1.2 * below
    assert twice > 1.6 * at


def test_sequences_of_one_batch_share_the_reading_of_the_weights() -> None:
    clock = clock_of()
    alone, together = (clock.decode_s(number, context=4000) for number in (1, 8))
    assert alone < together < 1.25 * alone


def test_a_long_context_is_read_at_every_token() -> None:
    clock = clock_of()
    read_s = clock.decode_s(1, context=12_000) - clock.decode_s(1, context=4_000)
    per_token = clock.shape.kv_bytes_per_token(2)
    assert read_s == pytest.approx(8_000 * per_token / (768e9 * FAST.bandwidth))


def test_a_prompt_longer_than_a_forward_takes_several() -> None:
    clock = clock_of()
    most = clock.batched_tokens
    parts = clock.prefill_s(most, cached=0) + clock.prefill_s(10, cached=most)
    assert clock.prefill_s(most + 10, cached=0) == pytest.approx(parts)


def test_one_card_needs_no_all_reduce_and_two_halve_the_weights() -> None:
    one, two = (clock_of(size=size, pace=replace(FAST, host_s=0)).decode_s(1, context=0) for size in (1, 2))
    all_reduces_s = 2 * 64 * 20e-6
    assert two - all_reduces_s == pytest.approx(one / 2, rel=0.01)


def test_weights_of_one_byte_are_read_in_half_the_time() -> None:
    clock = clock_of(card="h100", size=1, pace=replace(FAST, host_s=0))
    quantized = replace(clock, shape=clock.shape.loaded_as(dtype="bfloat16", quantization="fp8"))
    assert quantized.decode_s(1, context=0) == pytest.approx(clock.decode_s(1, context=0) / 2, rel=0.05)
    assert quantized.prefill_s(2000, cached=0) < 0.7 * clock.prefill_s(2000, cached=0)


def test_a_call_that_joins_others_waits_for_their_forward_and_shares_its_own() -> None:
    clock = clock_of()
    alone, joined = (clock.first_token_s(50, cached=4000, in_flight=number) for number in (1, 3))
    assert alone == clock.prefill_s(50, cached=4000)
    assert joined - alone == pytest.approx(0.5 * clock.decode_s(2, context=4000), rel=0.2)


@pytest.mark.parametrize(("size", "missing"), [(1, "bandwidth_gb_s"), (2, "link_latency_us")])
def test_a_card_of_unknown_speed_is_refused_by_name(size: int, missing: str) -> None:
    card = Card(name="Some GPU", memory_gib=40, bf16_tflops=100)
    with pytest.raises(InputError, match=rf"Some GPU.*{missing}"):
        Clock(shape=shape_of(QWQ), card=card, pace=FAST, tensor_parallel_size=size)


def speculating(acceptance: float) -> SpeculatingClock:
    return SpeculatingClock(base=clock_of(), drafter=clock_of(R1_SMALL), num_tokens=5, acceptance=acceptance)


def test_a_round_of_token_level_speculation_yields_one_token_at_least_and_all_six_at_most() -> None:
    assert speculating(0).tokens_per_round == 1
    assert speculating(0.75).tokens_per_round == pytest.approx((1 - 0.75**6) / 0.25)
    assert speculating(1).tokens_per_round == 6


def test_token_level_speculation_pays_only_where_the_drafted_tokens_are_right() -> None:
    token_s = clock_of().next_token_s(4000, in_flight=1)
    assert speculating(0).next_token_s(4000, in_flight=1) > token_s
    assert speculating(0.8).next_token_s(4000, in_flight=1) < 0.6 * token_s
