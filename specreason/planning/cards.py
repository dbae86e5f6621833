"""The GPUs a plan is made for: memory, speed and link of a card, and how many of them one machine has."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from specreason.errors import InputError
from specreason.words import shown, suggestion

# What the driver keeps for itself on a card of which nothing better is known: as much as on any known one, GiB.
DRIVER_GIB = 0.85
MIB_PER_GIB = 1024
_BEFORE, _AFTER = re.compile(r"(\d{1,2})x(.+)"), re.compile(r"(.+)x(\d{1,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU. A number that is None is not known, and nothing that needs it is predicted."""

    name: str
    # The total that cudaMemGetInfo reports, GiB.
    memory_gib: float
    # What the driver keeps for itself: nvidia-smi counts it and cudaMemGetInfo does not, GiB.
    driver_gib: float = DRIVER_GIB
    # Memory, 10^9 bytes/s.
    bandwidth_gb_s: float | None = None
    # Dense matrix products, 10^12 operations/s. A card without fp8_tflops multiplies FP8 weights in bf16.
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    # Between two cards, one direction, 10^9 bytes/s, and the microseconds of one small all-reduce.
    link_gb_s: float | None = None
    link_latency_us: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """Equal cards of one machine."""

    card: Card
    count: int = 1
    # Memory that other processes hold on the fullest of them, GiB.
    used_gib: float = 0.0

    def __str__(self) -> str:
        return f"{self.count} x {self.card.name}"


@cache
def known_cards() -> dict[str, Card]:
    """Return the built-in cards by name."""
    return {name: _card(name, table) for name, table in _tables().items()}


def parse_cards(text: str) -> Cards:
    """Read `a6000`, `a6000x2` or `2xa6000`. Raises InputError that lists the known cards."""
    name, count = text.strip().lower(), "1"
    if name not in known_cards():
        if before := _BEFORE.fullmatch(name):
            count, name = before.groups()
        elif after := _AFTER.fullmatch(name):
            name, count = after.groups()
    if name not in known_cards() or int(count) < 1:
        raise InputError(
            f"no card is called {shown(text)}{suggestion(name, known_cards())}; the known ones are "
            f"{', '.join(known_cards())}, and a6000x2 means two of them"
        )
    return Cards(card=known_cards()[name], count=int(count))


def cards_of(taken: Sequence[tuple[str, int, int]], *, count: int) -> Cards | None:
    """Return `count` cards of a machine from what nvidia-smi says of those that engines take: name, MiB in total, MiB
    in use. Unequal ones count as the smallest of them. None: there are none.
    """
    if not taken:
        return None
    return Cards(
        card=min((_card_of(name, total) for name, total, _ in taken), key=lambda card: card.memory_gib),
        count=count,
        used_gib=max(used for _, _, used in taken) / MIB_PER_GIB,
    )


def _card_of(name: str, total_mib: int) -> Card:
    """Return the card that nvidia-smi shows so. With ECC it has less than is known of it without."""
    shown_gib, known = total_mib / MIB_PER_GIB, _known_as(name)
    if known is None:
        return Card(name=name, memory_gib=shown_gib - DRIVER_GIB)
    return replace(known, memory_gib=min(known.memory_gib, shown_gib - known.driver_gib))


def _known_as(name: str) -> Card | None:
    """Return the built-in card that nvidia-smi calls `name`."""
    for known, table in _tables().items():
        if name in table["names"]:
            return known_cards()[known]
    return None


def _card(name: str, table: dict[str, Any]) -> Card:
    return Card(name=name, **{key: value for key, value in table.items() if key != "names"})


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("specreason.planning").joinpath("cards.toml").read_text())
