"""What would make a pair fit: each change is tried with the planner itself, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from specreason.errors import DoesNotFit, InputError
from specreason.pairs import PairConfig
from specreason.planning.cards import Cards, known_cards
from specreason.planning.memory import MemoryPlan, plan_memory
from specreason.planning.needs import BASE, DRAFTER
from specreason.planning.shapes import ModelShape

# Contexts that are tried. Few problems end within a shorter one.
CONTEXTS = (12_288, 8_192, 6_144, 4_096)
# Bytes for each weight of a base in FP8, and in four bits with groups of 128.
SMALLER_BASES = {"FP8": 1.0, "AWQ": 0.52}
CARDS_OF_ONE_MACHINE = (1, 2, 4, 8)


def plan_or_remedies(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards) -> MemoryPlan:
    """Plan as plan_memory does. Raises DoesNotFit that also names what would help."""
    try:
        return plan_memory(pair, shapes, cards)
    except DoesNotFit as error:
        helps = list(remedies(pair, shapes, cards))
        if not helps:
            raise
        raise DoesNotFit(f"{error}; it would fit {', or '.join(helps)}") from None


def remedies(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards) -> Iterator[str]:
    """Yield the changes that would each make the pair fit, the cheapest first."""
    for length in CONTEXTS:
        if length < pair.base.max_model_len and _fits(_with_context(pair, length), shapes, cards):
            yield f"with max_model_len = {length}"
            break
    for name, weight_bytes in SMALLER_BASES.items():
        smaller = {**shapes, BASE: replace(shapes[BASE], weight_bytes=weight_bytes)}
        if not shapes[BASE].is_quantized and _fits(pair, smaller, cards):
            yield f"with a base in {name}"
            break
    size = pair.base.tensor_parallel_size
    needed = pair.num_devices
    enough = replace(cards, count=max(needed, cards.count))
    for count in CARDS_OF_ONE_MACHINE:
        more = replace(cards, count=max(count, cards.count))
        if count == size or cards not in (enough, more):
            continue
        if _fits(_divided(pair, count), shapes, more):
            yield f"with base.tensor_parallel_size = {count}" + ("" if more == cards else f" on {more}")
            break
    if enough != cards and _fits(pair, shapes, enough):
        yield f"on {enough}"
        return
    for card in sorted(known_cards().values(), key=lambda card: card.memory_gib):
        larger = Cards(card=card, count=needed)
        if card.memory_gib > cards.card.memory_gib and _fits(pair, shapes, larger):
            yield f"on {larger}"
            break


def _fits(pair: PairConfig, shapes: Mapping[str, ModelShape], cards: Cards) -> bool:
    try:
        plan_memory(pair, shapes, cards)
    except InputError:
        return False
    return True


def _with_context(pair: PairConfig, length: int) -> PairConfig:
    return pair.model_copy(
        update={
            role: pair.model(role).model_copy(
                update={"max_model_len": min(length, pair.model(role).max_model_len)}
            )
            for role in (BASE, DRAFTER)
        }
    )


def _divided(pair: PairConfig, count: int) -> PairConfig:
    """Return the pair with its base on `count` cards, and its drafter on no more."""
    base = pair.base.model_copy(update={"tensor_parallel_size": count})
    drafter = pair.drafter.model_copy(
        update={"tensor_parallel_size": min(count, pair.drafter.tensor_parallel_size)}
    )
    return pair.model_copy(update={"base": base, "drafter": drafter})
