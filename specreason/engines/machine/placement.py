"""Where a pair's engines find room on this machine: the memory plan from the models' files and from what is free."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from specreason.engines.machine.gpus import machine_cards
from specreason.engines.machine.memory import free_memory
from specreason.engines.machine.platform import Device
from specreason.engines.models.hub import known_weights, model_file
from specreason.errors import DoesNotFit, EngineDead, InputError
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.cards import Cards
from specreason.planning.memory import CPU_SLOTS, EngineShare, MemoryPlan, plan_on_the_cpu, rough_shares
from specreason.planning.needs import ROLES
from specreason.planning.remedies import plan_or_remedies
from specreason.planning.shapes import ModelShape, known_shape

Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What each engine gets, by role, and how many jobs there is room for.

    A role that is missing gets the KV cache that pairs.toml names, and its memory is not planned.
    """

    shares: Mapping[str, EngineShare]
    slots: int


def place(pair: PairConfig, device: Device) -> Placement:
    """Plan the pair for this machine, before an engine starts. The models' files are here, or their shapes are known.

    Where nvidia-smi is missing, or does not tell the memory, a pair that names both KV caches starts without a plan,
    and vLLM decides; a pair that leaves one to the plan is refused. The doctor judges by the same rule.

    Raises DoesNotFit, InputError for what cannot be planned, and EngineDead for what may pass: nvidia-smi fails, or
    the pair would fit but for memory that other processes hold.
    """
    if device is Device.CPU:
        return _on_the_cpu(pair)
    cards = machine_cards(needed=pair.num_devices)
    if cards is None:
        return _unplanned(pair)
    try:
        shapes = shapes_of(pair)
    except InputError as error:
        return _by_size(pair, cards, error)
    return _placed(_beside_others(partial(plan_or_remedies, pair, shapes), cards))


def shapes_of(pair: PairConfig) -> dict[str, ModelShape]:
    """Return the shapes of both models, by role. Raises InputError that names a model whose shape is not known."""
    return {role: _shape(role, pair.model(role)) for role in ROLES}


def is_planned(pair: PairConfig) -> bool:
    """Whether the pair leaves a KV cache to the plan."""
    return any(pair.model(role).kv_cache_memory_bytes == "auto" for role in ROLES)


def _on_the_cpu(pair: PairConfig) -> Placement:
    if not is_planned(pair):
        return Placement(shares={}, slots=CPU_SLOTS)
    free = free_memory()
    if free is None:
        raise InputError(
            "this system does not tell how much memory is free: set kv_cache_memory_bytes of both models"
        )
    return _placed(plan_on_the_cpu(pair, shapes_of(pair), free))


def _unplanned(pair: PairConfig) -> Placement:
    if is_planned(pair):
        raise InputError(
            "nvidia-smi does not tell the memory of this machine's GPUs, so no plan can be made: set "
            "kv_cache_memory_bytes of both models"
        )
    return Placement(shares={}, slots=CPU_SLOTS)


def _beside_others(plan: Callable[[Cards], Plan], cards: Cards) -> Plan:
    try:
        return plan(cards)
    except DoesNotFit as error:
        plan(replace(cards, used_gib=0.0))
        raise EngineDead(f"{error}; the memory in use is that of other processes") from error


def _by_size(pair: PairConfig, cards: Cards, unknown: InputError) -> Placement:
    """Plan for a model of no known shape. Its KV cache cannot be planned, so pairs.toml must name it."""
    known = {role: known_weights(pair.model(role)) for role in ROLES}
    weights = {role: size for role, size in known.items() if size is not None}
    if is_planned(pair) or weights != known:
        raise InputError(
            f"{unknown}; without its shape, pairs.toml must name weights_gib and kv_cache_memory_bytes of both models"
        ) from unknown
    shares = _beside_others(partial(rough_shares, pair, weights), cards)
    return Placement(shares=shares, slots=CPU_SLOTS)


def _placed(plan: MemoryPlan) -> Placement:
    return Placement(shares={role: plan.share(role) for role in ROLES}, slots=plan.slots)


def _shape(role: str, model: ModelConfig) -> ModelShape:
    config = model_file(model, "config.json")
    if config is None:
        known = known_shape(model.model)
        if known is None:
            raise InputError(
                f"{role}: the shape of {model.model} is not known before its config.json is here"
            )
        return known
    try:
        return ModelShape.from_config(json.loads(config.read_text()))
    except ValueError as error:
        raise InputError(f"{role}: {config} is not JSON") from error
    except InputError as error:
        raise InputError(f"{role}: {model.model}: {error}") from error
