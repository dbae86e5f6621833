"""How many points better than the base alone each scheme is, at each token budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import legend_below, page, shortened
from specreason.report.drawing.ink import BLACK
from specreason.report.drawing.lines import Line, draw_line, lines_of
from specreason.report.drawing.rows import Cells, Row, by_dataset, counted_each, number

WIDTH, WIDTH_OF_TWO, PANEL_HEIGHT = 7.6, 10.4, 3.8  # inches
# The zero line stays so many points away from the edge.
AROUND_ZERO = 3.0


def draw_budget_gap(figure: Figure, cells: Cells) -> Any:
    """One panel for each dataset, with the zero line of the base."""
    rows = figure.dicts()
    lines = lines_of(rows, cells, "token_budget")
    datasets = by_dataset(rows)
    columns = min(2, len(datasets))
    num_lines = -(-len(datasets) // columns)
    hint = "Above zero: more right answers than the base alone at the same budget. Bars: 95 %."
    hint += counted_each(rows, "num_pairs", "pairs of jobs")
    drawing = page(figure.title, hint, WIDTH if columns == 1 else WIDTH_OF_TWO, PANEL_HEIGHT * num_lines)
    legend_below(drawing, [line.entry for line in lines])
    several = drawing.subplots(num_lines, columns, squeeze=False).flat
    for (dataset, of_dataset), axes in zip(datasets.items(), several, strict=False):
        _draw_panel(axes, of_dataset, lines)
        axes.set(title=shortened(dataset), xlabel="token budget", ylabel="against the base, points")
    for axes in list(several):
        axes.set_axis_off()
    return drawing


def _draw_panel(axes: Any, rows: Sequence[Row], lines: Sequence[Line]) -> None:
    budgets = sorted({value for row in rows if (value := number(row, "token_budget")) is not None})
    # Budgets double: they stand at equal distances.
    place_of = {budget: float(place) for place, budget in enumerate(budgets)}
    axes.axhline(0, color=BLACK, linewidth=1.2, zorder=1)
    for line in lines:
        points = [(place_of[budget], found) for budget, found in line.points(rows, "token_budget", "gap")]
        draw_line(axes, points, line.style, aside=line.aside, factor=100)
    axes.set_xticks(range(len(budgets)), [f"{budget:,.0f}" for budget in budgets])
    axes.set_xlim(-0.6, max(0.6, len(budgets) - 0.4))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -AROUND_ZERO), max(high, AROUND_ZERO))
