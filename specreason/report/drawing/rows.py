"""The rows of a figure as its drawing reads them: numbers, intervals, and the parts that belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from specreason.config import SchemeName
from specreason.evaluation.cells import Cell, labels
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import CellFigures, Scalar

Row = Mapping[str, Scalar]
Cells = Mapping[str, CellFigures]
K = TypeVar("K")
# What cells are called if no row says more.
SCHEMES = tuple(SchemeName)


def number(row: Row, name: str) -> float | None:
    """A number of the row; None if it is unknown or no number."""
    value = row.get(name)
    return None if value is None or isinstance(value, str | bool) else float(value)


def interval(row: Row, name: str) -> Interval | None:
    """An estimate with the bounds that stand beside it, `name`_low and `name`_high; None if it is unknown."""
    mean = number(row, name)
    if mean is None:
        return None
    return Interval(mean=mean, low=number(row, f"{name}_low"), high=number(row, f"{name}_high"))


def text(row: Row, name: str) -> str:
    """A value as text; empty if it is unknown."""
    value = row.get(name)
    return "" if value is None else str(value)


def grouped(rows: Sequence[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    """The rows by key, in the order in which the keys come first."""
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def by_dataset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each dataset, in the order of the rows."""
    return grouped(rows, lambda row: text(row, "dataset"))


def label_of(row: Row, *, in_dataset: bool) -> str:
    """The label of a cell; without its dataset's name where a panel has that as its title."""
    label, dataset = text(row, "label"), text(row, "dataset")
    if not in_dataset or not dataset:
        return label
    # Whole words: a pair may begin as the dataset does.
    return re.sub(rf" {re.escape(dataset)}(?= |$)", "", label, count=1)


def counted_each(rows: Sequence[Row], column: str, what: str) -> str:
    """The end of a hint: how much stands behind each mark, such as " n = 96–120 jobs each."; empty if unknown."""
    counts = sorted({int(count) for row in rows if (count := number(row, column)) is not None})
    if not counts:
        return ""
    return f" n = {counts[0]:,}{'' if len(counts) == 1 else f'–{counts[-1]:,}'} {what} each."


def series(rows: Sequence[Row], cells: Cells, swept: str) -> dict[str, list[Row]]:
    """Rows of cells that differ in nothing but the knob `swept` and the dataset, by a name that tells them apart."""
    found = grouped(rows, lambda row: _without(row, cells, swept))
    names = labels(tuple(found))
    return dict(zip(names, found.values(), strict=True))


def alike(rows: Sequence[Row], cells: Cells) -> dict[str, str]:
    """By cell what it has in common with the cells of other bases: its scheme, and the knobs that tell it from others.

    The drafter, too, where a base has several.
    """
    drafters = {
        base: {text(row, "drafter") for row in of_base if text(row, "scheme") != "base"}
        for base, of_base in grouped(rows, lambda row: text(row, "base")).items()
    }
    has_several = any(len(each) > 1 for each in drafters.values())

    def kind(row: Row) -> Cell:
        cell = _without(row, cells, "")
        if text(row, "cell") not in cells:
            return cell
        is_drafted = has_several and cell.scheme is not SchemeName.BASE
        return replace(cell, pair=text(row, "drafter") if is_drafted else "")

    kinds = {text(row, "cell"): kind(row) for row in rows}
    different = tuple(dict.fromkeys(kinds.values()))
    names = dict(zip(different, labels(different), strict=True))
    return {key: names[cell] for key, cell in kinds.items()}


def _without(row: Row, cells: Cells, swept: str) -> Cell:
    cell = cells.get(text(row, "cell"))
    scheme = text(row, "scheme")
    known = SchemeName(scheme) if scheme in SCHEMES else SchemeName.SPECREASON
    if cell is None:
        return Cell(text(row, "label"), "", known, ())
    knobs = tuple(sorted((name, value) for name, value in cell.knobs.items() if name != swept))
    return Cell(cell.pair, "", known, knobs)
