"""What `specreason plan` finds: the cards it is made for, the plan, or what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specreason.cli.checks.machine import runs_on_gpus
from specreason.engines.machine.gpus import machine_cards
from specreason.engines.machine.memory import free_memory
from specreason.engines.machine.placement import shapes_of
from specreason.engines.machine.platform import Device
from specreason.engines.vllm.engine_args import check_engine_args, vllm_arguments
from specreason.errors import DoesNotFit, InputError
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.planning.cards import Cards, parse_cards
from specreason.planning.memory import EngineShare, MemoryPlan, plan_memory, plan_on_the_cpu, without_kv
from specreason.planning.needs import ROLES
from specreason.planning.remedies import plan_or_remedies
from specreason.planning.shapes import ModelShape
from specreason.settings import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A pair on cards, or on a machine without any: then `cards` is None. Without a plan it does not fit."""

    name: str
    pair: PairConfig
    shapes: Mapping[str, ModelShape]
    cards: Cards | None
    # Both engines' shares, by role; without a plan they have no KV cache.
    shares: Mapping[str, EngineShare]
    plan: MemoryPlan | None = None
    missing: str | None = None
    # Other pairs of the same two models that fit these cards.
    others: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return self.plan is not None


def planned(name: str, gpu: str | None) -> Planned:
    """Plan the pair called `name` for the cards `gpu`, for this machine's own, or for those that it is written for.

    Raises InputError for an unknown pair or card, for models whose shape is not known, and for arguments that a worker
    would refuse.
    """
    pairs = load_pairs(load_settings().pairs_file)
    pair = get_pair(pairs, name)
    cards = _cards(pair, gpu)
    check_engine_args(name, pair, known=vllm_arguments(), device=Device.CPU if cards is None else Device.GPU)
    shapes = shapes_of(pair)
    try:
        plan = _plan(pair, shapes, cards)
    except DoesNotFit as error:
        return Planned(
            name=name,
            pair=pair,
            shapes=shapes,
            cards=cards,
            shares=without_kv(pair, shapes, on_gpus=cards is not None),
            missing=str(error),
            others=() if cards is None else _fitting(pairs, pair, shapes, cards),
        )
    shares = {role: plan.share(role) for role in ROLES}
    return Planned(name=name, pair=pair, shapes=shapes, cards=cards, shares=shares, plan=plan)


def _cards(pair: PairConfig, gpu: str | None) -> Cards | None:
    if gpu is not None:
        return parse_cards(gpu)
    if runs_on_gpus():
        cards = machine_cards(needed=pair.num_devices)
        if cards is None:
            raise InputError(
                "nvidia-smi does not tell the memory of this machine's GPUs: name cards with --gpu"
            )
        return cards
    return None if pair.cards is None else parse_cards(pair.cards)


def _plan(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards | None) -> MemoryPlan:
    if cards is not None:
        return plan_or_remedies(pair, shapes, cards)
    free = free_memory()
    if free is None:
        raise InputError("this system does not tell how much memory is free: name cards with --gpu")
    return plan_on_the_cpu(pair, shapes, free)


def _fitting(
    pairs: Mapping[str, PairConfig], pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards
) -> tuple[str, ...]:
    """Return the names of the pairs of the same two models that fit the cards."""
    fitting = []
    for name, other in pairs.items():
        if all(other.model(role).model == pair.model(role).model for role in ROLES):
            try:
                plan_memory(other, shapes, cards)
            except InputError:
                continue
            fitting.append(name)
    return tuple(fitting)
