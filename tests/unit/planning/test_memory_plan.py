"""The memory plan: against the figures that were worked out from vLLM's source, and where it must refuse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from specreason.errors import DoesNotFit, InvalidField
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs
from specreason.planning.cards import parse_cards
from specreason.planning.memory import (
    CPU_SHARE,
    CPU_SLOTS,
    MARGIN,
    MemoryPlan,
    least_on_the_cpu,
    plan_memory,
    plan_on_the_cpu,
    without_kv,
)
from specreason.planning.needs import GIB, draft_model, needs_on_gpus
from specreason.planning.remedies import plan_or_remedies
from tests.support.messages import names, naming
from tests.support.planning import (
    CONTEXT,
    QWEN_32B,
    QWEN_SMALL,
    QWQ,
    R1_SMALL,
    gpu_pair,
    shapes_in,
    with_kv,
    with_models,
)

WIDE = {"max_num_batched_tokens": 8192}
PAPER, QWEN3 = (QWQ, R1_SMALL), (QWEN_32B, QWEN_SMALL)
GPU_PAIRS = {name: pair for name, pair in load_pairs().items() if pair.cards is not None}


def planned(pair: PairConfig, cards: str) -> MemoryPlan:
    return plan_memory(pair, shapes_in(pair), parse_cards(cards))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; pairs of numbers are base and drafter, GiB on each card."""

    models: tuple[str, str]
    sizes: tuple[int, int]
    cards: str
    args: dict[str, int] = field(default_factory=dict)
    tokens: int
    kv_gib: tuple[float, float]
    fixed_gib: tuple[float, float]
    utilization: tuple[float, float]
    slots: int


TABLE = (
    Row(
        models=PAPER,
        sizes=(2, 2),
        cards="a6000x2",
        tokens=71_504,
        kv_gib=(8.73, 0.95),
        fixed_gib=(2.08, 1.69),
        utilization=(0.87, 0.10),
        slots=14,
    ),
    Row(
        models=PAPER,
        sizes=(2, 1),
        cards="a6000x2",
        tokens=56_096,
        kv_gib=(6.85, 1.50),
        fixed_gib=(2.08, 1.38),
        utilization=(0.83, 0.13),
        slots=11,
    ),
    Row(
        models=PAPER,
        sizes=(1, 1),
        cards="h100",
        tokens=30_816,
        kv_gib=(7.52, 0.82),
        fixed_gib=(1.87, 1.38),
        utilization=(0.89, 0.07),
        slots=6,
    ),
    Row(
        models=PAPER,
        sizes=(1, 1),
        cards="h200",
        args=WIDE,
        tokens=240_208,
        kv_gib=(58.6, 6.4),
        fixed_gib=(3.06, 1.76),
        utilization=(0.88, 0.09),
        slots=32,
    ),
    Row(
        models=QWEN3,
        sizes=(2, 2),
        cards="a6000x2",
        tokens=55_600,
        kv_gib=(6.79, 2.97),
        fixed_gib=(2.07, 1.69),
        utilization=(0.83, 0.14),
        slots=11,
    ),
    Row(
        models=QWEN3,
        sizes=(2, 1),
        cards="a6000x2",
        tokens=37_072,
        kv_gib=(4.53, 3.96),
        fixed_gib=(2.07, 1.35),
        utilization=(0.79, 0.18),
        slots=7,
    ),
    Row(
        models=QWEN3,
        sizes=(1, 1),
        cards="h100",
        tokens=24_224,
        kv_gib=(5.91, 2.59),
        fixed_gib=(1.85, 1.35),
        utilization=(0.87, 0.09),
        slots=4,
    ),
    Row(
        models=QWEN3,
        sizes=(1, 1),
        cards="h200",
        args=WIDE,
        tokens=186_224,
        kv_gib=(45.5, 19.9),
        fixed_gib=(2.96, 1.66),
        utilization=(0.79, 0.18),
        slots=32,
    ),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.models[0]} {row.sizes} {row.cards}")
def test_the_plan_is_that_of_the_table_that_was_worked_out_by_hand(row: Row) -> None:
    """Tokens to two blocks, GiB to 0.05, utilization to 0.01: the table rounds."""
    plan = planned(gpu_pair(*row.models, sizes=row.sizes, engine_args=row.args), row.cards)
    shares = (plan.base, plan.drafter)
    assert plan.kv_tokens == pytest.approx(row.tokens, abs=32)
    assert [share.kv_gib for share in shares] == pytest.approx(row.kv_gib, abs=0.05)
    assert [share.fixed_gib for share in shares] == pytest.approx(row.fixed_gib, abs=0.01)
    assert [share.gpu_memory_utilization for share in shares] == pytest.approx(row.utilization, abs=0.01)
    assert plan.slots == row.slots


@pytest.mark.parametrize("name", GPU_PAIRS)
def test_every_packaged_pair_fits_the_cards_it_names_with_some_jobs_at_once(name: str) -> None:
    pair = GPU_PAIRS[name]
    plan = planned(pair, pair.cards or "")
    assert plan.kv_tokens >= CONTEXT
    assert plan.slots >= 4
    assert plan.base.tensor_parallel_size + plan.drafter.tensor_parallel_size <= 5


@pytest.mark.parametrize("cards", ["a6000x2", "h100", "h200", "a100-80", "b200"])
def test_the_plan_gives_away_the_first_card_but_for_the_margin_and_both_caches_hold_as_much(
    cards: str,
) -> None:
    pair = gpu_pair(*PAPER, sizes=(parse_cards(cards).count, 1))
    plan, memory_gib = planned(pair, cards), parse_cards(cards).card.memory_gib
    block = 16 * (256 / plan.base.tensor_parallel_size + 28) / 2**20
    assert memory_gib * (1 - MARGIN) - plan.base.total_gib - plan.drafter.total_gib < block
    needs = needs_on_gpus(pair, shapes_in(pair))
    held = {plan.share(role).kv_cache_memory_bytes // each.kv_per_token for role, each in needs.items()}
    assert held == {plan.kv_tokens}
    assert plan.kv_tokens % 16 == 0


@pytest.mark.parametrize("cards", ["rtx4090", "rtx4090x2"])
def test_a_card_of_24_gb_is_refused_with_what_is_missing_and_what_would_help(cards: str) -> None:
    pair = gpu_pair(*PAPER, sizes=(parse_cards(cards).count, 1))
    with pytest.raises(DoesNotFit, match=naming("rtx4090", "GiB are missing", "tensor_parallel_size")):
        plan_or_remedies(pair, shapes_in(pair), parse_cards(cards))


def test_each_remedy_is_one_that_was_tried() -> None:
    pair = gpu_pair(QWQ, R1_SMALL)
    with pytest.raises(DoesNotFit) as raised:
        plan_or_remedies(pair, shapes_in(pair), parse_cards("a6000x2"))
    assert names(str(raised.value), "a base in FP8", "base.tensor_parallel_size = 2", "1 x h100")
    planned(with_models(pair, base={"engine_args": {"quantization": "fp8_per_tensor"}}), "a6000")
    planned(with_models(pair, base={"tensor_parallel_size": 2}), "a6000x2")
    planned(pair, "h100")


def test_a_shorter_context_is_a_remedy_where_it_is_enough() -> None:
    pair = gpu_pair(QWEN_32B, QWEN_SMALL, max_model_len=32_768)
    with pytest.raises(DoesNotFit, match="max_model_len = 12288"):
        plan_or_remedies(pair, shapes_in(pair), parse_cards("h100"))


def test_a_pair_for_more_cards_than_there_are_is_refused_by_their_number() -> None:
    pair = gpu_pair(*PAPER, sizes=(2, 1))
    with pytest.raises(DoesNotFit, match=naming("2 cards", "1 x h100", "base.tensor_parallel_size = 1")):
        plan_or_remedies(pair, shapes_in(pair), parse_cards("h100"))


def test_without_a_plan_each_engine_still_says_what_it_takes() -> None:
    pair = gpu_pair(*PAPER, sizes=(2, 1))
    shares = without_kv(pair, shapes_in(pair), on_gpus=True)
    assert shares["base"].weights_gib == pytest.approx(30.51, abs=0.01)
    assert (shares["base"].kv_gib, shares["base"].gpu_memory_utilization) == (0, None)


def test_memory_that_others_use_is_not_planned() -> None:
    pair, cards = gpu_pair(*PAPER), parse_cards("h100")
    shapes = shapes_in(pair)
    less = plan_memory(pair, shapes, replace(cards, used_gib=2.0))
    assert less.kv_tokens < plan_memory(pair, shapes, cards).kv_tokens
    with pytest.raises(DoesNotFit, match=naming("20.0 in use", "missing")):
        plan_memory(pair, shapes, replace(cards, used_gib=20.0))


def test_a_kv_cache_that_the_pair_names_is_kept_and_the_other_one_gets_no_more_tokens() -> None:
    pair = with_kv(gpu_pair(*PAPER, sizes=(2, 2)), base=6 * GIB)
    plan = planned(pair, "a6000x2")
    assert plan.base.kv_cache_memory_bytes == 6 * GIB
    assert plan.kv_tokens == 6 * GIB // (128 * 1024)
    assert plan.drafter.kv_cache_memory_bytes == plan.kv_tokens * 14 * 1024


def test_named_kv_caches_are_checked_against_the_card_and_the_context() -> None:
    pair = gpu_pair(*PAPER, sizes=(2, 2))
    planned(with_kv(pair, base=6 * GIB, drafter=GIB), "a6000x2")
    with pytest.raises(DoesNotFit, match="missing"):
        planned(with_kv(pair, base=20 * GIB, drafter=GIB), "a6000x2")
    with pytest.raises(InvalidField, match=naming("base.kv_cache_memory_bytes", "8,192 tokens", "16,384")):
        planned(with_kv(pair, base=GIB), "a6000x2")


def test_an_engine_that_drafts_tokens_holds_the_drafters_weights_and_kv_cache_too() -> None:
    pair = gpu_pair(*QWEN3)
    speculating = pair.model_copy(update={"speculation": SpeculationConfig(num_tokens=5)})
    plain, both = planned(pair, "h200"), planned(speculating, "h200")
    assert both.base.weights_gib - plain.base.weights_gib == pytest.approx(3.20, abs=0.01)
    assert both.base.fixed_gib > plain.base.fixed_gib + 0.5
    assert both.base.kv_cache_memory_bytes / both.kv_tokens == (256 + 112) * 1024
    assert both.drafter.kv_cache_memory_bytes / both.kv_tokens == 112 * 1024


SPECULATION = SpeculationConfig(num_tokens=5)


def test_the_draft_model_inside_the_base_is_not_quantized_by_the_drafters_own_arguments() -> None:
    pair = gpu_pair(*QWEN3).model_copy(update={"speculation": SPECULATION})
    small = {"engine_args": {"quantization": "fp8_per_tensor", "kv_cache_dtype": "fp8"}}
    plain, other = planned(pair, "h200"), planned(with_models(pair, drafter=small), "h200")
    assert other.drafter.weights_gib < plain.drafter.weights_gib
    assert other.base.weights_gib == plain.base.weights_gib
    assert other.base.kv_cache_memory_bytes / other.kv_tokens == (256 + 112) * 1024


def test_the_draft_model_inside_the_base_has_the_bases_kv_cache_and_dtype_and_not_its_quantization() -> None:
    pair = gpu_pair(*QWEN3).model_copy(update={"speculation": SPECULATION})
    plain = planned(pair, "h200")
    small = {"engine_args": {"quantization": "fp8_per_tensor", "kv_cache_dtype": "fp8"}}
    other = planned(with_models(pair, base=small), "h200")
    assert other.base.kv_cache_memory_bytes / other.kv_tokens == (256 + 112) * 1024 / 2
    inside = draft_model(with_models(pair, base=small), shapes_in(pair))
    assert inside is not None
    assert inside.weights_in_bytes() / GIB == pytest.approx(plain.drafter.weights_gib, abs=0.01)
    wide = draft_model(with_models(pair, base={"dtype": "float32"}), shapes_in(pair))
    assert wide is not None
    assert wide.weights_in_bytes() == 2 * inside.weights_in_bytes()


def test_devices_that_do_not_share_the_heads_of_the_draft_model_evenly_are_refused_too() -> None:
    pair = gpu_pair(*PAPER, sizes=(8, 1))
    planned(pair, "h200x8")
    with pytest.raises(InvalidField, match=naming("base.tensor_parallel_size", 12, "drafter")):
        planned(pair.model_copy(update={"speculation": SPECULATION}), "h200x8")


@pytest.mark.parametrize(
    ("fields", "grows"),
    [
        ({"max_num_seqs": 128}, True),
        ({"engine_args": WIDE}, True),
        ({"engine_args": {"kv_cache_dtype": "fp8"}}, False),
    ],
)
def test_batch_sizes_take_memory_from_the_caches_and_an_fp8_cache_holds_twice_as_much(
    fields: dict[str, object], grows: bool
) -> None:
    plain, other = planned(gpu_pair(*PAPER), "h100"), planned(gpu_pair(*PAPER, **fields), "h100")
    assert (other.base.fixed_gib > plain.base.fixed_gib) == grows
    assert (other.kv_tokens < plain.kv_tokens) == grows
    if not grows:
        assert other.kv_tokens == pytest.approx(2 * plain.kv_tokens, abs=16)


def test_without_cuda_graphs_their_memory_goes_to_the_caches() -> None:
    pair = gpu_pair(*PAPER)
    eager = pair.model_copy(update={"enforce_eager": True})
    assert planned(eager, "h100").kv_tokens > planned(pair, "h100").kv_tokens


def test_devices_that_do_not_share_the_heads_evenly_are_refused_by_the_field() -> None:
    pair = gpu_pair(*PAPER, sizes=(3, 1))
    with pytest.raises(InvalidField, match=naming("base.tensor_parallel_size", 40)):
        planned(pair, "a6000x4")


def test_on_the_cpu_the_caches_get_half_of_what_is_left_and_no_more_than_the_slots_use() -> None:
    pair = gpu_pair("Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B", max_model_len=10_240)
    shapes, k = shapes_in(pair), 2 * 112 * 1024
    least = least_on_the_cpu(pair, shapes)
    engines = least - 10_240 * k
    some = plan_on_the_cpu(pair, shapes, engines + 8 * GIB)
    assert some.kv_tokens * k == pytest.approx(CPU_SHARE * 8 * GIB, abs=32 * k)
    most = plan_on_the_cpu(pair, shapes, engines + 800 * GIB)
    assert most.kv_tokens == CPU_SLOTS * 5_000
    assert (some.slots, some.base.gpu_memory_utilization) == (CPU_SLOTS, None)


def test_on_the_cpu_one_context_is_the_least_and_less_memory_is_refused_with_what_is_missing() -> None:
    pair = gpu_pair("Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B", max_model_len=10_240)
    shapes = shapes_in(pair)
    least = least_on_the_cpu(pair, shapes)
    assert plan_on_the_cpu(pair, shapes, least).kv_tokens == 10_240
    with pytest.raises(DoesNotFit, match=naming("GiB are free", "1.0 GiB are missing")):
        plan_on_the_cpu(pair, shapes, least - GIB)


def test_on_the_cpu_every_rank_holds_its_part_of_the_same_memory() -> None:
    pair = gpu_pair("Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B", max_model_len=10_240)
    divided = with_models(pair, base={"tensor_parallel_size": 2})
    shapes, free = shapes_in(pair), 20 * GIB
    plan = plan_on_the_cpu(divided, shapes, free)
    assert plan.base.weights_gib == pytest.approx(3.20 / 2, abs=0.01)
    assert 2 * plan.base.total_gib + plan.drafter.total_gib < free / GIB
