"""Right answers and latency with bases of different sizes, one row for each base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import arms, legend_below, mark, page, say_nothing_known, shortened
from specreason.report.drawing.ink import line_styles
from specreason.report.drawing.rows import (
    Cells,
    Row,
    alike,
    by_dataset,
    counted_each,
    grouped,
    interval,
    number,
    text,
)

WIDTH, ROW, PANEL = 10.0, 0.24, 0.95  # inches: of the page, of one point, and around the points of a panel
AIR = 0.8  # between two bases, in rows


def draw_base_sizes(figure: Figure, cells: Cells) -> Any:
    """Two panels for each dataset, the smallest base on top."""
    datasets = by_dataset(figure.dicts())
    kinds = alike(figure.dicts(), cells)
    styles = _styles(list(dict.fromkeys(kinds.values())))
    styles_of_cells = {key: styles[kind] for key, kind in kinds.items()}
    bases = {dataset: _by_size(rows) for dataset, rows in datasets.items()}
    heights = [ROW * (len(rows) + AIR * len(bases[dataset])) + PANEL for dataset, rows in datasets.items()]
    hint = "Right is better for right answers, left for latency. Bars: 95 %."
    hint += counted_each(figure.dicts(), "num_jobs", "jobs")
    drawing = page(figure.title, hint, WIDTH, sum(heights))
    legend_below(drawing, [mark(shortened(name, 60), **style) for name, style in styles.items()])
    grid = drawing.subplots(len(datasets), 2, height_ratios=heights, squeeze=False, sharey="row")
    for line, dataset in zip(grid, datasets, strict=True):
        for axes, column, title, unit, factor in (
            (line[0], "pass_at_1", "Right answers", "pass@1, %", 100),
            (line[1], "latency_s", "Latency", "s for a job", 1),
        ):
            _draw_panel(axes, bases[dataset], styles_of_cells, column, factor)
            axes.tick_params(left=axes is line[0])
            axes.set(xlabel=unit, title=f"{title}: {shortened(dataset, 28)}")
    return drawing


def _styles(kinds: Sequence[str]) -> dict[str, dict[str, Any]]:
    styles = line_styles({kind: kind.split(" ", 1)[0] for kind in kinds})
    return {kind: style | {"linestyle": "none"} for kind, style in styles.items()}


def _by_size(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each base with its size, the smallest first and those of unknown size last."""
    ordered = sorted(rows, key=lambda row: number(row, "base_parameters") or float("inf"))
    return grouped(ordered, _base)


def _base(row: Row) -> str:
    name, size = shortened(text(row, "base"), 30), number(row, "base_parameters")
    return name if size is None else f"{name}\n{_parameters(size)}"


def _parameters(count: float) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.3g} billion"
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,.0f}"


def _draw_panel(
    axes: Any,
    bases: Mapping[str, Sequence[Row]],
    styles: Mapping[str, Mapping[str, Any]],
    column: str,
    factor: int,
) -> None:
    y, middles, known = 0.0, [], 0
    for rows in bases.values():
        middles.append(y + (len(rows) - 1) / 2)
        for row in rows:
            found = interval(row, column)
            if found is not None:
                known += 1
                axes.errorbar(
                    factor * found.mean,
                    y,
                    xerr=arms([found], factor),
                    capsize=2.5,
                    markersize=6,
                    **styles[text(row, "cell")],
                )
            y += 1
        y += AIR
    if not known:
        say_nothing_known(axes)
        return
    axes.set_yticks(middles, list(bases))
    axes.set_ylim(y - AIR - 0.3, -0.7)
    axes.grid(axis="y", visible=False)
    for place in range(1, len(middles)):
        axes.axhline((middles[place - 1] + middles[place]) / 2, color="#DDDDDD", linewidth=0.6)
    if column == "pass_at_1":
        axes.set_xlim(max(-3, axes.get_xlim()[0] - 2), min(103, axes.get_xlim()[1] + 2))
    else:
        axes.set_xlim(left=0)
