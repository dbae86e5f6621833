"""Parts of a picture: a page with its heading, ticks at round numbers, intervals, legends."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.report.drawing.ink import BLACK, GREY
from specreason.visible import on_one_line

# Round numbers for a logarithmic axis of seconds.
SECONDS = tuple(digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5))
# Longer labels would leave no room for what they label.
LONGEST_LABEL = 38
# Inches that the heading takes, and a legend for each of its lines.
HEADING, LEGEND_LINE = 0.62, 0.22
# Of an entry of a legend: its mark with the gaps around it, and a letter.
MARK, CHARACTER = 0.6, 0.078
# Dots of an inch. A very tall page has fewer: more than 2**16 in a line cannot be drawn.
DPI, MOST_PIXELS = 100, 30_000
ELLIPSIS = "…"


def page(title: str, hint: str, width: float, height: float) -> Any:
    """A figure of `width` × `height` inches with a heading: what it is, and below it how to look at it."""
    from matplotlib.figure import Figure  # without pyplot, which keeps every figure

    height += HEADING
    figure = Figure(figsize=(width, height), dpi=min(DPI, MOST_PIXELS / height), layout="constrained")
    top = 1 - 0.08 / height
    figure.text(0.08 / width, top, title, va="top", fontsize=12, fontweight="bold")
    figure.text(0.08 / width, top - 0.26 / height, hint, va="top", fontsize=9.5, color="#444444")
    _bound(figure, top=HEADING / height)
    return figure


def legend_below(figure: Any, handles: Sequence[Any]) -> None:
    """One legend for all panels, in its own room at the foot of the page, which grows by it."""
    if not handles:
        return
    width, _ = figure.get_size_inches()
    columns = fitting_columns([len(handle.get_label()) for handle in handles], width - 0.3)
    room = 0.1 + LEGEND_LINE * -(-len(handles) // columns)
    _grow(figure, room)
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=columns,
        borderaxespad=0.4,
        columnspacing=1.4,
    )


def fitting_columns(lengths: Sequence[int], width: float) -> int:
    """The most columns of a legend that fit into `width` inches; `lengths` are those of its labels in characters.

    Entries fill the columns one after the other, as matplotlib does it.
    """
    for columns in range(len(lengths), 1, -1):
        whole, rest = divmod(len(lengths), columns)
        sizes = [whole + (place < rest) for place in range(columns)]
        starts = [sum(sizes[:place]) for place in range(columns)]
        longest = [max(lengths[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
        if sum(MARK + CHARACTER * length for length in longest) <= width:
            return columns
    return 1


def shortened(text: str, longest: int = LONGEST_LABEL) -> str:
    """On one line, and without its middle if it is longer: both ends tell a label from its neighbours."""
    text = on_one_line(text)
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return text[: longest - 1 - head] + ELLIPSIS + text[len(text) - head :]


def beginning(text: str, longest: int) -> str:
    """On one line, and without its end if it is longer."""
    line = on_one_line(text)
    return line if len(line) <= longest else line[: longest - 1] + ELLIPSIS


def on_two_lines(text: str) -> str:
    """A label of up to twice LONGEST_LABEL characters, broken between words where it can be."""
    return "\n".join(wrap(shortened(text, 2 * LONGEST_LABEL - 4), LONGEST_LABEL)[:2])


def plain_ticks(axis: Any, candidates: Sequence[float]) -> None:
    """Ticks of a logarithmic axis at round numbers, written out."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = sorted(axis.get_view_interval())
    places = [place for place in candidates if low <= place <= high]
    # Labels of more would touch each other.
    places = places[:: 1 + len(places) // 8]
    axis.set_major_locator(FixedLocator(places))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def arms(intervals: Sequence[Interval], factor: float = 1) -> list[list[float]]:
    """Lengths of the arms of error bars, below and above. A rounding error must not make one negative."""
    bounds = [interval.bounds or (interval.mean, interval.mean) for interval in intervals]
    return [
        [factor * max(0.0, each.mean - low) for each, (low, _) in zip(intervals, bounds, strict=True)],
        [factor * max(0.0, high - each.mean) for each, (_, high) in zip(intervals, bounds, strict=True)],
    ]


def share_limits(axis_limits: tuple[float, float]) -> tuple[float, float]:
    """Limits of an axis of percents around data with these: with air, and without places that no share can have."""
    low, high = axis_limits
    air = max(2.0, 0.1 * (high - low))
    low, high = low - air, high + air
    if high - low < 20:
        middle = (low + high) / 2
        low, high = middle - 10, middle + 10
    return max(-4.0, low), min(104.0, high)


def say_nothing_known(axes: Any, text: str = "nothing is known") -> None:
    """Say in an empty panel why it is empty."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def mark(label: str, **style: Any) -> Any:
    """One entry of a legend: a line, a marker or both."""
    from matplotlib.lines import Line2D

    whole: dict[str, Any] = {"color": BLACK, "linestyle": "none", "markersize": 6} | style
    return Line2D([], [], label=label, **whole)


def _grow(figure: Any, room: float) -> None:
    """Add room at the foot; everything else keeps its size in inches and its place below the top."""
    width, height = figure.get_size_inches()
    grown = height + room
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position((x, 1 - (1 - y) * height / grown))
    figure.set_size_inches(width, grown)
    _bound(figure, top=HEADING / grown, bottom=room / grown)


def _bound(figure: Any, *, top: float, bottom: float = 0.0) -> None:
    figure.get_layout_engine().set(rect=(0, bottom, 1, 1 - top - bottom), h_pad=0.08, w_pad=0.08)
