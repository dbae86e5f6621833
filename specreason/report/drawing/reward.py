"""The base's utility score against a process reward model's, a panel for each cell and reward model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import arms, legend_below, mark, page, shortened
from specreason.report.drawing.ink import GREEN, PALE
from specreason.report.drawing.rows import Row, grouped, interval, number, text

# More panels would be a wall of pictures; the CSV has all.
MOST_PANELS = 12
COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT = 3.9, 3.6  # inches
# Below the scores: where the bars of the numbers of steps stand, and how high the largest is, in units of the score.
FLOOR, TALLEST = -4.0, 2.6


def draw_reward(figure: Figure, cells: object) -> Any:
    """Mean utility score in each bin of the reward, above the number of steps that lie in it."""
    found = grouped(figure.dicts(), lambda row: (text(row, "label"), text(row, "prm")))
    panels = dict(list(found.items())[:MOST_PANELS])
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    hint = "A rising line: the base scores steps higher that the reward model finds better."
    if len(found) > MOST_PANELS:
        hint += f" {MOST_PANELS} of {len(found)} cells are drawn."
    drawing = page(figure.title, hint, max(7.0, columns * PANEL_WIDTH), lines * PANEL_HEIGHT)
    legend_below(
        drawing,
        [
            mark("mean utility score, 95 %", color=GREEN, marker="o", linestyle="-"),
            mark("how many steps lie in the bin", color=PALE, marker="s", markersize=9),
        ],
    )
    several = drawing.subplots(lines, columns, squeeze=False).flat
    for ((label, prm), rows), axes in zip(panels.items(), several, strict=False):
        _draw_panel(axes, rows)
        axes.set_title(f"{shortened(label, 30)}\n{shortened(prm, 34)}", fontsize=9)
    for axes in list(several):
        axes.set_axis_off()
    return drawing


def _draw_panel(axes: Any, rows: Sequence[Row]) -> None:
    bins = [row for row in rows if number(row, "bin_low") is not None and number(row, "bin_high") is not None]
    total = sum(number(row, "num_steps") or 0.0 for row in bins)
    middles = [_middle(row) for row in bins]
    widths = [(number(row, "bin_high") or 0.0) - (number(row, "bin_low") or 0.0) for row in bins]
    most = max((number(row, "num_steps") or 0.0 for row in bins), default=0.0) or 1.0
    heights = [TALLEST * (number(row, "num_steps") or 0.0) / most for row in bins]
    axes.bar(
        middles,
        heights,
        bottom=FLOOR,
        width=[0.86 * width for width in widths],
        color="#D8D8D8",
        edgecolor=PALE,
        linewidth=0.6,
    )
    points: list[tuple[float, Interval]] = [
        (middle, found)
        for middle, row in zip(middles, bins, strict=True)
        if (found := interval(row, "utility_score"))
    ]
    if points:
        axes.errorbar(
            [middle for middle, _ in points],
            [found.mean for _, found in points],
            yerr=arms([found for _, found in points]),
            color=GREEN,
            marker="o",
            markersize=5,
            capsize=2.5,
        )
    axes.set(xlabel=f"reward of the step (n = {total:,.0f} steps)", ylabel="utility score", ylim=(FLOOR, 9.5))
    axes.set_yticks((FLOOR + TALLEST / 2, 0, 3, 6, 9), ("steps", "0", "3", "6", "9"))
    axes.axhline(FLOOR + 1.25 * TALLEST, color=PALE, linewidth=0.8)


def _middle(row: Row) -> float:
    return ((number(row, "bin_low") or 0.0) + (number(row, "bin_high") or 0.0)) / 2
