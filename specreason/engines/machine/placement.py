"""Where a pair's engines find room on this machine: the memory plan from the models' files and from what is free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from specreason.engines.machine.memory import free_memory, machine_cards
from specreason.engines.machine.platform import Device
from specreason.engines.models.hub import known_weights, model_file
from specreason.errors import DoesNotFit, EngineDead, InputError
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.cards import Cards
from specreason.planning.memory import CPU_SLOTS, EngineShare, MemoryPlan, plan_on_the_cpu, rough_share
from specreason.planning.needs import ROLES
from specreason.planning.remedies import plan_or_remedies
from specreason.planning.shapes import ModelShape, known_shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What each engine gets, by role, and how many jobs there is room for.

    A role that is missing gets what pairs.toml says, and vLLM's own defaults.
    """

    shares: Mapping[str, EngineShare]
    slots: int


def place(pair: PairConfig, device: Device) -> Placement:
    """Plan the pair for this machine, before an engine starts. The models' files are here, or their shapes are known.

    Raises DoesNotFit, InputError for what cannot be planned, and EngineDead if the pair would fit but for memory that
    other processes hold: they may end.
    """
    if device is Device.CPU:
        return _on_the_cpu(pair)
    needed = max(pair.model(role).tensor_parallel_size for role in ROLES)
    cards = machine_cards(needed=needed)
    if cards is None:
        raise InputError("nvidia-smi does not tell the memory of this machine's GPUs, so no plan can be made")
    try:
        shapes = shapes_of(pair)
    except InputError as error:
        return _by_size(pair, cards, error)
    return _placed(_plan_beside_others(pair, shapes, cards))


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


def _plan_beside_others(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards) -> MemoryPlan:
    try:
        return plan_or_remedies(pair, shapes, cards)
    except DoesNotFit as error:
        plan_or_remedies(pair, shapes, replace(cards, used_gib=0.0))
        raise EngineDead(f"{error}; the memory in use is that of other processes") from error


def _by_size(pair: PairConfig, cards: Cards, unknown: InputError) -> Placement:
    """Plan for a model of no known shape. Its KV cache cannot be planned, so pairs.toml must name it."""
    sizes = {role: known_weights(pair.model(role)) for role in ROLES}
    if is_planned(pair) or None in sizes.values():
        raise InputError(
            f"{unknown}; without its shape, pairs.toml must name weights_gib and kv_cache_memory_bytes of both models"
        ) from unknown
    shares = {role: rough_share(pair.model(role), size or 0, cards) for role, size in sizes.items()}
    if sum(share.gpu_memory_utilization or 0 for share in shares.values()) > 1:
        raise DoesNotFit(f"weights and kv_cache_memory_bytes of both models are more than {cards} has")
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
