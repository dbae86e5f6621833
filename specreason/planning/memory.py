"""The memory planner: how a pair's two engines share the memory of each GPU, or of a machine without one.

What both engines take is subtracted from what a device has; the rest is KV cache, for equally many tokens in both
engines, because both hold the same jobs. A plan is made before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from specreason.errors import DoesNotFit, InvalidField
from specreason.pairs import PairConfig
from specreason.planning.cards import Cards
from specreason.planning.needs import (
    GIB,
    EngineNeeds,
    needs_on_gpus,
    needs_on_the_cpu,
    rough_needs_on_gpus,
    rough_needs_on_the_cpu,
)
from specreason.planning.shapes import ModelShape
from specreason.settings import MOST_SLOTS
from specreason.words import counted

# The part of a card's memory that no plan gives away. A guess: allocators leave gaps, and other terms are guesses, too.
MARGIN = 0.04
# Tokens of a usual job, prompt and answer included, at the paper's budget of 8,192 for thinking. Long ones have 9,700.
JOB_TOKENS = 5_000
# Jobs in flight on a machine without a GPU.
CPU_SLOTS = 16
# A job may have a draft and a verification in flight at once.
CALLS_PER_JOB = 2
# The part of what weights and processes leave free that the KV caches may get on the CPU.
CPU_SHARE = 0.5
# Tokens of a block of the KV cache, where the pair names none.
GPU_BLOCK, CPU_BLOCK = 16, 32
# Less memory in use than this is not worth a word.
SHOWN_GIB = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineShare:
    """One engine's share of each device that it uses, GiB per device."""

    tensor_parallel_size: int
    weights_gib: float
    # Activations, sampler, CUDA graphs and context; on the CPU the process.
    fixed_gib: float
    kv_gib: float
    kv_cache_memory_bytes: int
    # All of it as a part of the card's memory, rounded up. None without a plan, and on the CPU, where vLLM ignores it.
    gpu_memory_utilization: float | None

    @property
    def total_gib(self) -> float:
        """All of it."""
        return self.weights_gib + self.fixed_gib + self.kv_gib


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """How both engines share the devices. `kv_tokens`: what the smaller of the two KV caches holds."""

    kv_tokens: int
    slots: int
    base: EngineShare
    drafter: EngineShare

    def share(self, role: str) -> EngineShare:
        """The share of `role`, base or drafter."""
        share: EngineShare = getattr(self, role)
        return share


def plan_memory(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards) -> MemoryPlan:
    """Share out GPUs. `shapes` are those of the models' own config.json, by role.

    Both engines use the first cards, so the first one is the fullest, and it decides. A kv_cache_memory_bytes that
    pairs.toml names is kept, and checked. Raises DoesNotFit that names what is missing, InvalidField for a value that
    can work on no card.
    """
    needs = needs_on_gpus(pair, shapes)
    _check_count(pair, cards)
    block = pair.block_size or GPU_BLOCK
    needed = _with_one_context(needs, block)
    tokens = _tokens(needs, _room_for(_in_words(needs, needed), needed, cards), block)
    both = min(each.model.max_num_seqs for each in needs.values())
    slots = min(both // CALLS_PER_JOB, min(tokens.values()) // usual_job_tokens(pair), MOST_SLOTS)
    return _plan(needs, tokens, slots=max(1, slots), total=cards.card.memory_gib * GIB)


def plan_on_the_cpu(pair: PairConfig, shapes: Mapping[str, ModelShape], free_bytes: int) -> MemoryPlan:
    """Share out the memory that is free on a machine without a GPU.

    Where pairs.toml leaves them to the plan, the KV caches get half of what weights and processes leave: room for one
    context at least, and for CPU_SLOTS usual jobs at most. Raises DoesNotFit and InvalidField as plan_memory does.
    """
    needs = needs_on_the_cpu(pair, shapes)
    block = pair.block_size or CPU_BLOCK
    if (needed := _with_one_context(needs, block)) > free_bytes:
        raise DoesNotFit(
            f"{_in_words(needs, needed)} of memory, and {free_bytes / GIB:.1f} GiB are free: "
            f"{(needed - free_bytes) / GIB:.1f} GiB are missing"
        )
    taken = _taken(needs)
    half = taken + CPU_SHARE * (free_bytes - taken)
    enough = taken + _kv_bytes(needs, CPU_SLOTS * usual_job_tokens(pair))
    return _plan(needs, _tokens(needs, max(needed, min(half, enough)), block), slots=CPU_SLOTS, total=None)


def without_kv(
    pair: PairConfig, shapes: Mapping[str, ModelShape], *, on_gpus: bool
) -> dict[str, EngineShare]:
    """Return what both engines take without their KV caches, by role: for a pair that does not fit."""
    needs = (needs_on_gpus if on_gpus else needs_on_the_cpu)(pair, shapes)
    return {role: _share(each, kv_bytes=0, total=None) for role, each in needs.items()}


def least_on_the_cpu(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> int:
    """Return the least bytes of free memory with which plan_on_the_cpu makes a plan. Raises InvalidField as it does."""
    return _with_one_context(needs_on_the_cpu(pair, shapes), pair.block_size or CPU_BLOCK)


def rough_least_on_the_cpu(pair: PairConfig, sizes: Mapping[str, int]) -> int:
    """Return the same for models of no known shape, from the bytes of their weights. pairs.toml names the KV caches."""
    needs = rough_needs_on_the_cpu(pair, sizes)
    return _taken(needs) + _kv_bytes(needs, 0)


def rough_shares(pair: PairConfig, weights: Mapping[str, int], cards: Cards) -> dict[str, EngineShare]:
    """Return the shares of models of no known shape, by role, from the bytes of their weights.

    pairs.toml must name both KV caches. Raises DoesNotFit as plan_memory does.
    """
    needs = rough_needs_on_gpus(pair, weights)
    _check_count(pair, cards)
    needed = _taken(needs) + _kv_bytes(needs, 0)
    _room_for(f"the pair needs about {needed / GIB:.1f} GiB", needed, cards)
    total = cards.card.memory_gib * GIB
    return {role: _share(each, kv_bytes=each.kv_bytes or 0, total=total) for role, each in needs.items()}


def usual_job_tokens(pair: PairConfig) -> int:
    """Return the tokens of a usual job: JOB_TOKENS, or half of the pair's context where that is less."""
    return min(JOB_TOKENS, pair.base.max_model_len // 2, pair.drafter.max_model_len // 2)


def _check_count(pair: PairConfig, cards: Cards) -> None:
    """Refuse a pair that is spread over more cards than there are."""
    most = pair.num_devices
    if most > cards.count:
        raise DoesNotFit(
            f"its tensor_parallel_size is {most}, so it needs {counted(most, 'card')}, and there is only {cards}"
        )


def _room_for(what: str, needed: int, cards: Cards) -> float:
    """Return the bytes of each card that can be planned. Raises DoesNotFit that quotes `what` if more are needed."""
    room = (cards.card.memory_gib * (1 - MARGIN) - cards.used_gib) * GIB
    if needed > room:
        used = f" with {cards.used_gib:.1f} in use" if cards.used_gib >= SHOWN_GIB else ""
        raise DoesNotFit(
            f"{what} on each card, and {max(room, 0) / GIB:.1f} of the {cards.card.memory_gib:.1f} GiB of {cards} "
            f"can be planned{used}: {(needed - room) / GIB:.1f} GiB are missing"
        )
    return room


def _taken(needs: Mapping[str, EngineNeeds]) -> int:
    """Return the bytes of both engines without KV caches."""
    return sum(each.ranks * (each.weights + each.fixed) for each in needs.values())


def _kv_bytes(needs: Mapping[str, EngineNeeds], tokens: int) -> int:
    """Return the bytes of both KV caches: those that pairs.toml names, and for each other one those of `tokens`."""
    return sum(each.ranks * (each.kv_bytes or tokens * each.kv_per_token) for each in needs.values())


def _with_one_context(needs: Mapping[str, EngineNeeds], block: int) -> int:
    """Return the least bytes with which both engines start: vLLM wants room for one request of max_model_len."""
    for role, each in needs.items():
        if each.kv_bytes is not None and each.kv_bytes // each.kv_per_token < each.model.max_model_len:
            raise InvalidField(
                f"{role}.kv_cache_memory_bytes",
                f"holds {each.kv_bytes // each.kv_per_token:,} tokens, fewer than max_model_len "
                f'({each.model.max_model_len:,}); "auto" leaves it to the plan',
            )
    return _taken(needs) + _kv_bytes(needs, _longest(needs, block))


def _longest(needs: Mapping[str, EngineNeeds], block: int) -> int:
    """Return the tokens of the longest context, in whole blocks."""
    return math.ceil(max(each.model.max_model_len for each in needs.values()) / block) * block


def _tokens(needs: Mapping[str, EngineNeeds], room: float, block: int) -> dict[str, int]:
    """Return the tokens of each KV cache, in whole blocks.

    Those that pairs.toml leaves to the plan get equally many in what is left of `room`, and no more than one that is
    fixed holds: a job cannot use them.
    """
    fixed = {role: each.kv_bytes // each.kv_per_token for role, each in needs.items() if each.kv_bytes}
    planned = [each for each in needs.values() if each.kv_bytes is None]
    even = 0
    if planned:
        left = room - _taken(needs) - _kv_bytes(needs, 0)
        even = int(left // sum(each.ranks * each.kv_per_token for each in planned))
        if fixed:
            even = min(even, max(*fixed.values(), _longest(needs, block)))
    return {role: fixed.get(role, even) // block * block for role in needs}


def _plan(
    needs: Mapping[str, EngineNeeds], tokens: Mapping[str, int], *, slots: int, total: float | None
) -> MemoryPlan:
    shares = {
        role: _share(each, kv_bytes=each.kv_bytes or tokens[role] * each.kv_per_token, total=total)
        for role, each in needs.items()
    }
    return MemoryPlan(kv_tokens=min(tokens.values()), slots=slots, **shares)


def _share(needs: EngineNeeds, *, kv_bytes: int, total: float | None) -> EngineShare:
    whole = needs.weights + needs.fixed + kv_bytes
    return EngineShare(
        tensor_parallel_size=needs.model.tensor_parallel_size,
        weights_gib=needs.weights / GIB,
        fixed_gib=needs.fixed / GIB,
        kv_gib=kv_bytes / GIB,
        kv_cache_memory_bytes=kv_bytes,
        gpu_memory_utilization=None if total is None else math.ceil(1000 * whole / total) / 1000,
    )


def _in_words(needs: Mapping[str, EngineNeeds], needed: float) -> str:
    """Return what the pair needs, with the parts that can be changed."""
    parts = " + ".join(f"{each.ranks * each.weights / GIB:.1f}" for each in needs.values())
    return (
        f"the pair needs {needed / GIB:.1f} GiB (weights {parts}, the rest buffers and the KV caches of one context of "
        f"{max(each.model.max_model_len for each in needs.values()):,} tokens)"
    )
