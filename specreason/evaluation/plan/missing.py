"""What an evaluation still has to run: of each cell the repeats that no batch has. It asks nobody and sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specreason.config import RunConfig, every_knob
from specreason.evaluation.cells import OF_THE_REPEATS, Cell, cell_of
from specreason.evaluation.plan.grid import OF_THE_GRID


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
    """The stretches of repeats 0 to `num_repeats` - 1 that are in none of `there`."""
    stretches: list[range] = []
    begin = 0
    for taken in [*sorted(there, key=lambda each: each.start), range(num_repeats, num_repeats)]:
        if begin < (end := min(taken.start, num_repeats)):
            stretches.append(range(begin, end))
        begin = max(begin, taken.stop)
    return tuple(stretches)


def numbers_of_repeats(stored: Mapping[str, Any]) -> range:
    """The repeats of each problem that a stored configuration runs."""
    knobs = every_knob(stored)
    return range(knobs["first_repeat"], knobs["first_repeat"] + knobs["repeats"])


def fixed_knobs(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Of the knobs that a user chose, those that are the same in all cells, as they are kept with each batch.

    A value that is the default counts as not chosen.
    """
    knobs = RunConfig.model_validate(chosen).model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in knobs.items() if name not in {*OF_THE_GRID, *OF_THE_REPEATS}}


def cell_as_asked(pair: str, dataset: str, fixed: Mapping[str, Any], stored: Mapping[str, Any]) -> Cell:
    """The cell that a batch was submitted for, from the fixed knobs kept with it and its stored configuration.

    The stored configuration alone does not tell: it also has what the models' own files say.
    """
    of_grid = {name: value for name, value in every_knob(stored).items() if name in OF_THE_GRID}
    return cell_of(pair, dataset, RunConfig.model_validate({**fixed, **of_grid}).model_dump(mode="json"))


def differing(asked: Mapping[str, Any], kept: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first fixed knob with another value than a batch was submitted with, that value, and the one asked for."""
    ours, theirs = every_knob(asked), every_knob(kept)
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return (names[0], theirs.get(names[0]), ours.get(names[0])) if names else None
