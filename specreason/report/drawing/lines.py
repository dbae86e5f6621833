"""Lines through cells that differ in one knob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.report.drawing.axes import arms, mark, shortened
from specreason.report.drawing.ink import line_styles
from specreason.report.drawing.rows import Cells, Row, interval, number, series, text

# Of the smallest step between two values, so that bars of lines at one value stand beside each other.
DODGE, MOST_DODGE = 0.07, 0.5
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Cells that differ in nothing but the swept knob and the dataset. `aside` is in steps between two values."""

    name: str
    rows: Sequence[Row]
    style: Mapping[str, Any]
    aside: float

    def points(self, here: Sequence[Row], swept: str, column: str) -> list[tuple[float, Interval]]:
        """Values of the knob with estimates of `column`, by value, of those cells that are also among `here`."""
        cells = {text(row, "cell") for row in here}
        found = [
            (value, estimate)
            for row in self.rows
            if text(row, "cell") in cells
            and (value := number(row, swept)) is not None
            and (estimate := interval(row, column)) is not None
        ]
        return sorted(found, key=lambda point: point[0])

    @property
    def entry(self) -> Any:
        """Its entry in a legend."""
        return mark(shortened(self.name, LONGEST_NAME), **self.style)


def lines_of(rows: Sequence[Row], cells: Cells, swept: str) -> list[Line]:
    """The lines of these rows, each with a style of its own."""
    found = series(rows, cells, swept)
    styles = line_styles({name: text(of_line[0], "scheme") for name, of_line in found.items()})
    return [
        Line(name=name, rows=of_line, style=styles[name], aside=dodged(place, len(found)))
        for place, (name, of_line) in enumerate(found.items())
    ]


def dodged(place: int, num_lines: int) -> float:
    """How far a line is moved aside, in steps between two values: the lines lie around the value itself."""
    apart = min(DODGE, MOST_DODGE / max(1, num_lines))
    return (place - (num_lines - 1) / 2) * apart


def draw_line(
    axes: Any,
    points: Sequence[tuple[float, Interval]],
    style: Mapping[str, Any],
    *,
    aside: float,
    factor: float,
) -> None:
    """A line through means with their intervals, moved aside along the knob."""
    if not points:
        return
    axes.errorbar(
        [place + aside for place, _ in points],
        [factor * found.mean for _, found in points],
        yerr=arms([found for _, found in points], factor),
        capsize=2.5,
        elinewidth=1,
        linewidth=1.5,
        markersize=6,
        **style,
    )
