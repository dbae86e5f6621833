"""The memory plan against vLLM itself: its check before it loads, and what its engines then hold."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from specreason.engines.base import ModelPair, Role
from specreason.engines.machine.placement import shapes_of
from specreason.engines.models.hub import weights_bytes
from specreason.engines.start import START_ORDER
from specreason.pairs import load_pairs
from specreason.planning.cards import Cards, parse_cards
from specreason.planning.memory import CPU_SLOTS, MemoryPlan, plan_memory
from specreason.planning.needs import CONTEXT_GIB, CONTEXT_GIB_OF_SEVERAL, GIB
from tests.support.planning import QWEN_32B, QWEN_SMALL, QWQ, R1_SMALL, gpu_pair, shapes_in
from tests.support.workers.tiny import MAX_MODEL_LEN

# vLLM's imports and a pair take minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)

PACKAGED = {name: pair for name, pair in load_pairs().items() if pair.cards is not None}


@pytest.fixture(scope="module")
def vllm_check() -> Any:
    """`vllm_check(share, free, total)` is what each worker of an engine asks before it loads: raises ValueError."""
    with warnings.catch_warnings():  # vLLM's imports warn of their own dependencies
        warnings.simplefilter("ignore")
        from vllm.config import CacheConfig
        from vllm.v1.worker.utils import request_memory

    def check(share: Any, free: int, total: int) -> None:
        snapshot = SimpleNamespace(total_memory=total, free_memory=free, device_="cuda:0")
        config = CacheConfig(
            gpu_memory_utilization=share.gpu_memory_utilization,
            kv_cache_memory_bytes=share.kv_cache_memory_bytes,
        )
        request_memory(snapshot, config)

    return check


def start(plan: MemoryPlan, cards: Cards, vllm_check: Any) -> None:
    """Start both engines on faked cards. By the time of vLLM's check, an engine has its own context already."""
    total = round(cards.card.memory_gib * GIB)
    free = [total - round(cards.used_gib * GIB)] * cards.count
    for role in START_ORDER:
        share = plan.share(role)
        several = share.tensor_parallel_size > 1
        context = round(GIB * (CONTEXT_GIB_OF_SEVERAL if several else CONTEXT_GIB))
        for device in range(share.tensor_parallel_size):
            vllm_check(share, free[device] - context, total)
            free[device] -= round(share.total_gib * GIB)
            assert free[device] > 0


@pytest.mark.parametrize("name", PACKAGED)
def test_vllm_starts_both_engines_of_every_packaged_pair_on_the_cards_it_names(
    name: str, vllm_check: Any
) -> None:
    pair = PACKAGED[name]
    cards = parse_cards(pair.cards or "")
    start(plan_memory(pair, shapes_in(pair), cards), cards, vllm_check)


@pytest.mark.parametrize("models", [(QWQ, R1_SMALL), (QWEN_32B, QWEN_SMALL)])
@pytest.mark.parametrize(
    ("cards", "sizes"), [("a6000x2", (2, 2)), ("a6000x2", (2, 1)), ("h100", (1, 1)), ("h200", (1, 1))]
)
def test_vllm_starts_drafter_and_base_in_their_order_also_beside_a_little_of_others(
    models: tuple[str, str], cards: str, sizes: tuple[int, int], vllm_check: Any
) -> None:
    pair = gpu_pair(*models, sizes=sizes)
    for used_gib in (0.0, 0.5):
        some = replace(parse_cards(cards), used_gib=used_gib)
        start(plan_memory(pair, shapes_in(pair), some), some, vllm_check)


def test_vllm_refuses_shares_that_a_card_does_not_have(vllm_check: Any) -> None:
    pair = gpu_pair(QWQ, R1_SMALL, sizes=(2, 1))
    a6000s = parse_cards("a6000x2")
    plan = plan_memory(pair, shapes_in(pair), a6000s)
    with pytest.raises(ValueError, match="Free memory on device"):
        start(plan, replace(a6000s, used_gib=3.0), vllm_check)


def test_without_a_share_vllm_would_refuse_the_second_engine_on_the_papers_cards(vllm_check: Any) -> None:
    """Its default is to ask for nine tenths of the card, whatever bytes the KV cache has."""
    pair = gpu_pair(QWQ, R1_SMALL, sizes=(2, 2))
    a6000s = parse_cards("a6000x2")
    plan = plan_memory(pair, shapes_in(pair), a6000s)
    greedy = replace(plan, base=replace(plan.base, gpu_memory_utilization=0.92))
    with pytest.raises(ValueError, match="Free memory on device"):
        start(greedy, a6000s, vllm_check)


def test_on_the_cpu_both_engines_hold_the_weights_and_the_tokens_of_the_plan(
    speculating_pair: ModelPair,
) -> None:
    """Enough memory is free on any machine that runs these tests, so the slots decide: half a context for each."""
    assert {speculating_pair.engine(role).kv_tokens for role in Role} == {CPU_SLOTS * MAX_MODEL_LEN // 2}
    assert speculating_pair.slots == CPU_SLOTS


@pytest.mark.parametrize("role", Role)
def test_the_weights_of_the_demo_pair_are_as_large_as_planned_but_for_padding(role: Role) -> None:
    pair = load_pairs()["demo"]
    shape = shapes_of(pair)[role]
    file = weights_bytes(Path(pair.model(role).model))
    assert 2 * shape.num_parameters == pytest.approx(file, rel=0.02)
    assert shape.weights_in_bytes() - 2 * shape.num_parameters == 2 * 2 * (448 - 392) * shape.hidden
