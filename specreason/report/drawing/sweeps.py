"""Figures along one knob: the acceptance threshold, the first steps on the base, the token budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import arms, legend_below, mark, page, say_nothing_known, share_limits, shortened
from specreason.report.drawing.ink import BLACK, BLUE, GREY, line_style
from specreason.report.drawing.rows import Cells, Row, by_dataset, interval, number, series, text

PANEL_WIDTH, PANEL_HEIGHT = 3.9, 3.3  # inches
# Of the smallest step between two values, so that bars of lines at one value stand beside each other.
DODGE, MOST_DODGE = 0.07, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One quantity: its column, heading and unit. Shares are drawn in percent."""

    column: str
    title: str
    unit: str
    is_share: bool


RIGHT = Panel(column="pass_at_1", title="Right answers", unit="pass@1, %", is_share=True)
LATENCY = Panel(column="latency_s", title="Latency", unit="s for a job", is_share=False)
ACCEPTED = Panel(column="acceptance", title="Accepted drafts", unit="acceptance rate, %", is_share=True)


def draw_threshold_sweep(figure: Figure, cells: Cells) -> Any:
    """Accuracy, latency and acceptance against the acceptance threshold."""
    return _draw(figure, cells, "threshold", "acceptance threshold")


def draw_first_n_sweep(figure: Figure, cells: Cells) -> Any:
    """The same against the number of first steps that the base writes."""
    return _draw(figure, cells, "first_steps_on_base", "first steps written by the base")


def _draw(figure: Figure, cells: Cells, swept: str, axis_name: str) -> Any:
    rows = figure.dicts()
    lines = series([row for row in rows if _is_swept(row, swept)], cells, swept)
    styles = {name: line_style(place) for place, name in enumerate(lines)}
    datasets = by_dataset(rows)
    hint = "Up is better for right answers, down for latency. Bars and bands: 95 %."
    drawing = page(figure.title, hint, 3 * PANEL_WIDTH, PANEL_HEIGHT * len(datasets))
    has_base = any(not _is_swept(row, swept) for row in rows)
    entries = [mark(shortened(name, 60), **style) for name, style in styles.items()]
    reference = [mark("the base alone", color=BLUE, linestyle="--", linewidth=2)] if has_base else []
    legend_below(drawing, [*entries, *reference])
    grid = drawing.subplots(len(datasets), 3, squeeze=False)
    for (dataset, of_dataset), line in zip(datasets.items(), grid, strict=True):
        for axes, panel in zip(line, (RIGHT, LATENCY, ACCEPTED), strict=True):
            title = f"{panel.title}: {shortened(dataset, 24)}" if len(datasets) > 1 else panel.title
            axes.set(title=title, xlabel=axis_name, ylabel=panel.unit)
            _draw_panel(axes, of_dataset, lines, styles, panel, swept)
    return drawing


def _is_swept(row: Row, swept: str) -> bool:
    return number(row, swept) is not None and text(row, "scheme") not in ("base", "drafter")


def _draw_panel(
    axes: Any,
    rows: Sequence[Row],
    lines: Mapping[str, Sequence[Row]],
    styles: Mapping[str, Mapping[str, Any]],
    panel: Panel,
    swept: str,
) -> None:
    factor = 100 if panel.is_share else 1
    here = {text(row, "cell") for row in rows}
    values = sorted({value for row in rows if _is_swept(row, swept) and (value := number(row, swept)) is not None})
    known = []
    for row in rows:
        found = interval(row, panel.column)
        if found is not None and not _is_swept(row, swept) and text(row, "scheme") == "base":
            known.append(found)
            axes.axhline(factor * found.mean, color=BLUE, linestyle="--", linewidth=2, zorder=1)
            if found.bounds is not None:
                axes.axhspan(*(factor * bound for bound in found.bounds), color=BLUE, alpha=0.12, linewidth=0)
    step = min((b - a for a, b in zip(values, values[1:], strict=False)), default=1.0)
    for place, (name, of_line) in enumerate(lines.items()):
        points = [
            (value, found)
            for row in of_line
            if text(row, "cell") in here
            and (value := number(row, swept)) is not None
            and (found := interval(row, panel.column)) is not None
        ]
        known += [found for _, found in points]
        draw_line(axes, points, dodged(place, len(lines)) * step, factor, styles[name])
    _set_axes(axes, known, values, step, panel)


def _set_axes(axes: Any, known: Sequence[Interval], values: Sequence[float], step: float, panel: Panel) -> None:
    if not known:
        say_nothing_known(axes)
        return
    axes.set_xticks(values, [f"{value:g}" for value in values])
    if values:
        axes.set_xlim(values[0] - 0.6 * step, values[-1] + 0.6 * step)
    bounds = [value for each in known for value in (each.mean, *(each.bounds or ()))]
    if panel.is_share:
        axes.set_ylim(share_limits((100 * min(bounds), 100 * max(bounds))))
    else:
        axes.set_ylim(0, 1.1 * max(bounds) or 1.0)


def dodged(place: int, num_lines: int) -> float:
    """How far a line is moved aside, in steps between two values: the lines lie around the value itself."""
    apart = min(DODGE, MOST_DODGE / max(1, num_lines))
    return (place - (num_lines - 1) / 2) * apart


def draw_line(
    axes: Any, points: Sequence[tuple[float, Interval]], aside: float, factor: float, style: Mapping[str, Any]
) -> None:
    """A line through means in the order of their places, with their intervals."""
    if not points:
        return
    points = sorted(points, key=lambda point: point[0])
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


def draw_budget_gap(figure: Figure, cells: Cells) -> Any:
    """Points by which a scheme is better than the base alone at the same token budget."""
    rows = figure.dicts()
    lines = series(rows, cells, "token_budget")
    styles = {name: line_style(place) for place, name in enumerate(lines)}
    datasets = by_dataset(rows)
    columns = min(2, len(datasets))
    num_lines = -(-len(datasets) // columns)
    width = 7.6 if columns == 1 else 10.4
    hint = "Above zero: more right answers than the base alone at the same budget. Bars: 95 %."
    drawing = page(figure.title, hint, width, 3.8 * num_lines)
    legend_below(drawing, [mark(shortened(name, 60), **style) for name, style in styles.items()])
    several = drawing.subplots(num_lines, columns, squeeze=False).flat
    for axes, (dataset, of_dataset) in zip(several, datasets.items(), strict=False):
        _draw_gaps(axes, of_dataset, lines, styles)
        axes.set(title=shortened(dataset), xlabel="token budget", ylabel="right answers against the base, points")
    for axes in list(several):
        axes.set_axis_off()
    return drawing


def _draw_gaps(
    axes: Any,
    rows: Sequence[Row],
    lines: Mapping[str, Sequence[Row]],
    styles: Mapping[str, Mapping[str, Any]],
) -> None:
    here = {text(row, "cell") for row in rows}
    budgets = sorted({value for row in rows if (value := number(row, "token_budget")) is not None})
    place_of = {budget: float(place) for place, budget in enumerate(budgets)}
    axes.axhline(0, color=BLACK, linewidth=1.2, zorder=1)
    for place, (name, of_line) in enumerate(lines.items()):
        points = [
            (place_of[budget], found)
            for row in of_line
            if text(row, "cell") in here
            and (budget := number(row, "token_budget")) is not None
            and (found := interval(row, "gap")) is not None
        ]
        draw_line(axes, points, dodged(place, len(lines)), 100, styles[name])
    axes.set_xticks(range(len(budgets)), [f"{budget:,.0f}" for budget in budgets])
    axes.set_xlim(-0.6, max(0.6, len(budgets) - 0.4))
    # The zero line stays away from the edge.
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -3.0), max(high, 3.0))
    axes.text(0.01, 0.02, _pairs_of(rows), transform=axes.transAxes, fontsize=8, color=GREY)


def _pairs_of(rows: Sequence[Row]) -> str:
    counts = sorted({int(count) for row in rows if (count := number(row, "num_pairs")) is not None})
    if not counts:
        return ""
    return f"n = {counts[0]:,}{'' if len(counts) == 1 else f'–{counts[-1]:,}'} pairs of jobs at each point"
