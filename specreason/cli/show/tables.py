"""Tables: one line per row that fits the terminal; in a pipe plain columns, whole and all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from specreason.cli.show.output import GAP, NONE, ellipsis_of, message_console, print_message
from specreason.visible import on_one_line

# None: nothing is known.
Cell = str | Text | None
RULE = "─"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Where a row is wider than the terminal, first texts are cut: down to `least` cells, or not at all if it is None.
    `keeps`: their start, or start and end. Then whole columns go, the smallest `drop` first; None: never.
    """

    heading: str
    justify: Literal["left", "right"] = "left"
    least: int | None = None
    keeps: Literal["start", "ends"] = "start"
    drop: int | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """A column that is shown: its place in the table, and its width in cells."""

    place: int
    width: int


def print_table(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print headings and rows. A terminal gets a rule below the headings, and no column that is empty in every row."""
    texts = [[_text(cell) for cell in row] for row in rows]
    fits = fitted(columns, texts, console.width if console.is_terminal else None)
    head = [Text(column.heading, style="bold") for column in columns]
    _print_row(console, columns, fits, head)
    if console.is_terminal:
        console.print(Text(RULE * (sum(fit.width for fit in fits) + GAP * (len(fits) - 1)), style="dim"))
    for row in texts:
        _print_row(console, columns, fits, row)
    if not texts:
        print_message("none found")
    seen = {fit.place for fit in fits}
    if hidden := [
        column.heading
        for place, column in enumerate(columns)
        if place not in seen and any(row[place] is not None for row in texts)
    ]:
        remark = f"no room for {', '.join(hidden)}: a wider terminal or --json shows more"
        message_console().print(remark, markup=False)


def _print_row(
    console: Console, columns: Sequence[Column], fits: Sequence[Fit], row: Sequence[Text | None]
) -> None:
    mark = ellipsis_of(console)
    line = Text(" " * GAP).join(_cell(row[fit.place], columns[fit.place], fit.width, mark) for fit in fits)
    line.rstrip()
    console.print(line, soft_wrap=True)


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Text | None]], width: int | None) -> list[Fit]:
    """Return the columns that a terminal of `width` cells shows; None: a pipe, which shows all as they are."""
    widest = [
        max([cell_len(column.heading), *(_width(row[place]) for row in rows)])
        for place, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    if width is None:
        return [Fit(place, widest[place]) for place in shown]
    if rows:
        shown = [place for place in shown if any(row[place] is not None for row in rows)]
    smallest = [_smallest(column, widest[place]) for place, column in enumerate(columns)]
    while _total(smallest, shown) > width:
        going = [(drop, place) for place in shown if (drop := columns[place].drop) is not None]
        if not going:
            break
        shown.remove(min(going)[1])
    widths = [min(wide, max(width, least)) for wide, least in zip(widest, smallest, strict=True)]
    while _total(widths, shown) > width:
        longest = max(shown, key=lambda place: (widths[place] - smallest[place], widths[place]))
        if widths[longest] == smallest[longest]:
            break
        widths[longest] -= 1
    return [Fit(place, widths[place]) for place in shown]


def _smallest(column: Column, widest: int) -> int:
    return widest if column.least is None else min(widest, max(column.least, cell_len(column.heading)))


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[place] for place in shown) + GAP * (len(shown) - 1)


def _width(cell: Text | None) -> int:
    return len(NONE) if cell is None else cell.cell_len


def _text(cell: Cell) -> Text | None:
    if cell is None or isinstance(cell, Text):
        return cell
    return Text(line) if (line := on_one_line(cell)) else None


def _cell(text: Text | None, column: Column, width: int, mark: str) -> Text:
    cell = Text(NONE) if text is None else text.copy()
    if cell.cell_len > width:
        tail = (width - len(mark)) // 2 if column.keeps == "ends" else 0
        end = cell[len(cell) - tail :] if tail else Text()
        cell.truncate(max(0, width - len(mark) - end.cell_len))
        cell = Text.assemble(cell, mark, end)
    cell.align(column.justify, width)
    return cell
