"""Right answers against latency, a point for each cell, with the Pareto front of each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import (
    SECONDS,
    legend_below,
    mark,
    page,
    plain_ticks,
    say_nothing_known,
    share_limits,
    shortened,
)
from specreason.report.drawing.ink import BLACK, GREY, Ink, ink_of
from specreason.report.drawing.placing import Labelled, place_labels, settle
from specreason.report.drawing.rows import (
    Cells,
    Row,
    by_dataset,
    counted_each,
    interval,
    label_of,
    number,
    text,
)

# More labels in a panel would cover each other: then points have numbers, and a key beside the panels names them.
MOST_LABELS, MOST_LETTERS = 12, 170
# Where latencies lie farther apart, the axis is logarithmic.
LINEAR_SPAN = 8.0
NEAR_ZERO = 0.6
PANEL_WIDTH, PANEL_HEIGHT, KEY_LINE, KEY_LETTER = 7.6, 4.6, 0.165, 0.07  # inches
LONGEST_IN_KEY = 60
PALE_FRONT = "#CFCFCF"


def draw_accuracy_latency(figure: Figure, cells: Cells) -> Any:
    """One panel for each dataset."""
    panels = by_dataset(figure.dicts())
    numbers = {key: place for place, key in enumerate(cells, 1)}
    has_key = any(_needs_key(rows, in_dataset=len(panels) > 1) for rows in panels.values())
    columns = 1 if len(panels) < 2 or has_key else 2
    lines = -(-len(panels) // columns)
    key_width = _key_width(panels) if has_key else 0.0
    key_lines = len(figure.rows) + (len(panels) if len(panels) > 1 else 0)
    height = max(lines * PANEL_HEIGHT, key_lines * KEY_LINE + 0.5 if has_key else 0)
    width = columns * (PANEL_WIDTH if columns == 1 else 6.2) + key_width
    hint = "Up and left is better: more right answers in less time. Bars: 95 %."
    hint += counted_each(figure.dicts(), "num_jobs", "jobs")
    drawing = page(figure.title, hint, width, height)
    legend_below(drawing, _legend(figure.dicts()))
    grid = drawing.add_gridspec(
        lines, columns + has_key, width_ratios=[PANEL_WIDTH] * columns + [key_width] * has_key
    )
    drawn: list[tuple[Any, list[Labelled]]] = []
    for place, (dataset, rows) in enumerate(panels.items()):
        axes = drawing.add_subplot(grid[place // columns, place % columns])
        axes.set_title(_panel_title(dataset, rows))
        names = numbers if has_key else None
        drawn.append((axes, _draw_panel(axes, rows, names, in_dataset=len(panels) > 1)))
    if has_key:
        _draw_key(drawing.add_subplot(grid[:, -1]), panels, numbers, height)
    settle(drawing)
    for axes, labelled in drawn:
        place_labels(axes, labelled, fontsize=8 if has_key else 8.5)
    return drawing


def _needs_key(rows: Sequence[Row], *, in_dataset: bool) -> bool:
    """Whether the labels are too many, or too long together, to stand beside their points."""
    labels = [shortened(label_of(row, in_dataset=in_dataset)) for row in rows]
    return len(labels) > MOST_LABELS or sum(map(len, labels)) > MOST_LETTERS


def _key_width(panels: Mapping[str, Sequence[Row]]) -> float:
    """Inches for the longest label of the key."""
    longest = max(len(label_of(row, in_dataset=len(panels) > 1)) for rows in panels.values() for row in rows)
    return 0.6 + KEY_LETTER * min(longest, LONGEST_IN_KEY)


def _panel_title(dataset: str, rows: Sequence[Row]) -> str:
    counts = sorted({int(count) for row in rows if (count := number(row, "num_problems")) is not None})
    name = shortened(dataset)
    if not counts:
        return name
    return f"{name}: {counts[0]:,}{'' if len(counts) == 1 else f'–{counts[-1]:,}'} problems"


def _draw_panel(
    axes: Any, rows: Sequence[Row], numbers: Mapping[str, int] | None, *, in_dataset: bool
) -> list[Labelled]:
    """Draw points, bars and the front; return what is to be labelled."""
    points = [
        (row, latency, share)
        for row in rows
        if (latency := interval(row, "latency_s")) and (share := interval(row, "pass_at_1"))
    ]
    if not points:
        say_nothing_known(axes, "no cell has both grades and latencies")
        return []
    _set_axes(axes, [latency for _, latency, _ in points], [share for _, _, share in points])
    front = sorted(
        (latency.mean, 100 * share.mean) for row, latency, share in points if row.get("is_on_front")
    )
    axes.plot(*zip(*front, strict=True) if front else ([], []), color=PALE_FRONT, linewidth=5, zorder=1)
    labelled = []
    for row, latency, share in points:
        bars = _draw_point(axes, row, latency, share)
        name = (
            str(numbers[key])
            if numbers and (key := text(row, "cell")) in numbers
            else label_of(row, in_dataset=in_dataset)
        )
        labelled.append(Labelled(x=latency.mean, y=100 * share.mean, label=shortened(name), lines=bars))
    if left_out := len(rows) - len(points):
        axes.text(
            1, 1.02, f"{left_out} without grades or latency", transform=axes.transAxes, ha="right", color=GREY
        )
    return labelled


def _set_axes(axes: Any, latencies: Sequence[Interval], shares: Sequence[Interval]) -> None:
    """Limits with room for labels: every bar lies within."""
    seconds = [value for each in latencies for value in (each.mean, *(each.bounds or ()))]
    percents = [100 * value for each in shares for value in (each.mean, *(each.bounds or ()))]
    low, high = min(seconds), max(seconds)
    axes.set_ylim(share_limits((min(percents), max(percents))))
    axes.set(xlabel="latency of a job, s", ylabel="right answers (pass@1), %")
    if low > 0 and high / low > LINEAR_SPAN:
        axes.set_xscale("log")
        air = (high / low) ** 0.14
        axes.set_xlim(low / air, high * air)
        plain_ticks(axes.xaxis, SECONDS)
        axes.set_xlabel("latency of a job, s (logarithmic)")
        return
    # From zero where that leaves the points apart: then distances are ratios, too.
    start = 0.0 if low <= NEAR_ZERO * high else max(0.0, low - 0.2 * (high - low))
    axes.set_xlim(start, high + 0.14 * (high - start) or 1.0)


def _draw_point(
    axes: Any, row: Row, latency: Interval, share: Interval
) -> list[tuple[float, float, float, float]]:
    """A marker with its bars; those on the front are filled. Returns the bars' boxes."""
    ink, y = ink_of(text(row, "scheme")), 100 * share.mean
    is_on_front = bool(row.get("is_on_front"))
    bars = []
    if latency.bounds is not None:
        axes.plot(latency.bounds, (y, y), color=ink.colour, linewidth=1, alpha=0.8, zorder=2)
        bars.append((latency.bounds[0], y, latency.bounds[1], y))
    if share.bounds is not None:
        low, high = (100 * value for value in share.bounds)
        axes.plot(
            (latency.mean, latency.mean), (low, high), color=ink.colour, linewidth=1, alpha=0.8, zorder=2
        )
        bars.append((latency.mean, low, latency.mean, high))
    axes.plot(latency.mean, y, zorder=3, linestyle="none", **_marker(ink, is_on_front=is_on_front))
    return bars


def _marker(ink: Ink, *, is_on_front: bool) -> dict[str, Any]:
    face = ink.colour if is_on_front else "white"
    return {
        "marker": ink.marker,
        "markersize": 8,
        "markerfacecolor": face,
        "markeredgecolor": ink.colour,
        "markeredgewidth": 1.8,
    }


def _legend(rows: Sequence[Row]) -> list[Any]:
    schemes = list(dict.fromkeys(text(row, "scheme") for row in rows))
    entries = [mark(name, **_marker(ink_of(name), is_on_front=False)) for name in schemes]
    filled = _marker(Ink(name="", colour=BLACK), is_on_front=True) | {"linestyle": "-", "linewidth": 5}
    return [*entries, mark("filled: on the Pareto front", **filled | {"color": PALE_FRONT})]


def _draw_key(
    axes: Any, panels: Mapping[str, Sequence[Row]], numbers: Mapping[str, int], height: float
) -> None:
    """The number of each cell with its label."""
    axes.set_axis_off()
    width = _key_width(panels)
    line = KEY_LINE / (height - 0.3)
    y = 1.0
    for dataset, rows in panels.items():
        if len(panels) > 1:
            axes.text(
                0, y, shortened(dataset), fontsize=8, fontweight="bold", va="top", transform=axes.transAxes
            )
            y -= line
        for row in rows:
            found = numbers.get(text(row, "cell"))
            axes.text(
                0.3 / width,
                y,
                "" if found is None else f"{found}",
                fontsize=7.5,
                ha="right",
                va="top",
                transform=axes.transAxes,
            )
            label = shortened(label_of(row, in_dataset=len(panels) > 1), LONGEST_IN_KEY)
            weight = "bold" if row.get("is_on_front") else "normal"
            axes.text(
                0.4 / width, y, label, fontsize=7.5, va="top", transform=axes.transAxes, fontweight=weight
            )
            y -= line
