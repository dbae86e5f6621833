"""What an evaluation still has to run: of each cell the repeats that no batch has. It asks nobody and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specreason.config import RunConfig, every_knob
from specreason.evaluation.cells import Cell
from specreason.evaluation.plan.grid import OF_THE_GRID

# The most repeats of one batch.
MOST_REPEATS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A cell, and a configuration for each batch that it lacks."""

    cell: Cell
    num_there: int
    lacking: tuple[RunConfig, ...]

    @property
    def num_missing(self) -> int:
        """Repeats of each problem."""
        return sum(config.repeats for config in self.lacking)


def plan(
    cells: Mapping[Cell, RunConfig], there: Mapping[Cell, Sequence[range]], num_repeats: int
) -> tuple[Planned, ...]:
    """What the cells lack of repeats 0 to `num_repeats` - 1, each with those that its batches have."""
    planned = []
    for cell, config in cells.items():
        stretches = missing(there.get(cell, ()), num_repeats)
        lacking = tuple(
            config.model_copy(update={"first_repeat": stretch.start, "repeats": len(stretch)})
            for stretch in stretches
        )
        num_there = num_repeats - sum(map(len, stretches))
        planned.append(Planned(cell=cell, num_there=num_there, lacking=lacking))
    return tuple(planned)


def missing(there: Iterable[range], num_repeats: int) -> tuple[range, ...]:
    """The stretches of repeats 0 to `num_repeats` - 1 that are in none of `there`, none longer than one batch."""
    stretches: list[range] = []
    begin = 0
    for taken in [*sorted(there, key=lambda each: each.start), range(num_repeats, num_repeats)]:
        end = min(taken.start, num_repeats)
        while begin < end:
            stretches.append(range(begin, min(begin + MOST_REPEATS, end)))
            begin = stretches[-1].stop
        begin = max(begin, taken.stop)
    return tuple(stretches)


def numbers_of_repeats(config: Mapping[str, Any]) -> range:
    """The repeats of each problem that a stored configuration runs."""
    knobs = every_knob(config)
    return range(knobs["first_repeat"], knobs["first_repeat"] + knobs["repeats"])


def fixed_difference(asked: Mapping[str, Any], stored: Cell) -> tuple[str, Any, Any] | None:
    """The first fixed knob, read by the stored cell's scheme, that was asked for with another value; both values.

    `asked` are the fixed knobs of an evaluation; what they leave out has its default.
    """
    # Values as they are stored: a threshold of 7 is 7.0.
    fixed = {name: value for name, value in asked.items() if name not in OF_THE_GRID}
    wanted = RunConfig.model_validate(fixed).model_dump(mode="json")
    for name, value in stored.knobs:
        if name not in OF_THE_GRID and name in wanted and wanted[name] != value:
            return name, value, wanted[name]
    return None
