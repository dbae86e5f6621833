"""The moves of a state machine, each as likely as its weight and only when it is possible.

Hypothesis itself picks rules evenly and leaves many out of a run: then jobs are cancelled, paused and late, but hardly
ever claimed a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy, fixed_dictionaries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Move:
    make: Callable[..., None]
    may: Callable[[Any], object]  # whether this machine can make it now
    arguments: SearchStrategy[dict[str, object]]


# As often as its weight says. Hypothesis tries what comes first most.
MOVES: list[Move] = []


def always(machine: object) -> bool:
    return True


def move(
    *, weight: int = 1, when: Callable[[Any], object] = always, **arguments: SearchStrategy[object]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(make: Callable[..., None]) -> Callable[..., None]:
        MOVES.extend([Move(make, when, fixed_dictionaries(arguments))] * weight)
        return make

    return register


def picked(choices: Sequence[T], pick: int) -> T:
    """One of them, counted from the newest."""
    return choices[-1 - pick % len(choices)]
