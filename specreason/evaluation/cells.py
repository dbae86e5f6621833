"""A cell of an evaluation: all jobs that differ in nothing but the draw, so that they count as repeats of one another.

Batches belong to one cell if they have the same pair, dataset and knobs, but for knobs of the draw (which repeats they
run) and knobs that their scheme does not read. Later batches of a cell add repeats to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specreason.config import SchemeName, every_knob
from specreason.submission.remarks import unread_knobs

# Knobs that say which repeats a batch runs. The seed is none of them: repeats of other seeds are other draws.
OF_THE_REPEATS = frozenset({"repeats", "first_repeat"})
SCHEMES = tuple(SchemeName)


@dataclass(frozen=True, slots=True)
class Cell:
    """What the jobs of a cell have in common. `knobs` are those that its scheme reads, sorted by name."""

    pair: str
    dataset: str
    scheme: SchemeName
    knobs: tuple[tuple[str, Any], ...]

    def knob(self, name: str) -> Any:
        """Its value, or None if the scheme does not read it."""
        return dict(self.knobs).get(name)


def cell_of(pair: str, dataset: str, config: Mapping[str, Any]) -> Cell:
    """The cell of a batch, from its stored configuration. Knobs that an older version did not store have defaults."""
    knobs = every_knob(config)
    scheme = SchemeName(knobs.pop("scheme"))
    left_out = OF_THE_REPEATS.union(unread_knobs(scheme))
    return Cell(pair, dataset, scheme, tuple(sorted((k, v) for k, v in knobs.items() if k not in left_out)))


def labels(cells: Sequence[Cell]) -> tuple[str, ...]:
    """A short name for each, unique among them: the scheme, and what tells it from others of its scheme."""
    has_datasets = len({cell.dataset for cell in cells}) > 1
    alike: dict[SchemeName, list[Cell]] = defaultdict(list)
    for cell in cells:
        alike[cell.scheme].append(cell)
    differing = {scheme: _differing(of_scheme) for scheme, of_scheme in alike.items()}
    has_pairs = {scheme: len({cell.pair for cell in of_scheme}) > 1 for scheme, of_scheme in alike.items()}
    return tuple(
        " ".join(
            [
                cell.scheme,
                *([cell.pair] if has_pairs[cell.scheme] else []),
                *([cell.dataset] if has_datasets else []),
                *(_in_words(name, value) for name, value in cell.knobs if name in differing[cell.scheme]),
            ]
        )
        for cell in cells
    )


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """By dataset, scheme as `SchemeName` lists them, pair, and knobs: numbers by size."""
    return sorted(
        cells, key=lambda cell: (cell.dataset, SCHEMES.index(cell.scheme), cell.pair, _by_size(cell))
    )


def _differing(alike: Sequence[Cell]) -> set[str]:
    """The knobs in which some of the cells differ."""
    knobs = [dict(cell.knobs) for cell in alike]
    names = {name for of_cell in knobs for name in of_cell}
    return {name for name in names if len({repr(of_cell.get(name)) for of_cell in knobs}) > 1}


def _in_words(name: str, value: Any) -> str:
    """A knob of a label, in one line: two values never look the same."""
    if isinstance(value, str) and not value.isprintable():
        return f"{name} {value!r}"
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return f"at {text}" if name == "threshold" and value is not None else f"{name} {text}"


def _by_size(cell: Cell) -> list[tuple[str, float, str]]:
    return [
        (name, float(value) if isinstance(value, int | float) else -1.0, str(value))
        for name, value in cell.knobs
    ]
