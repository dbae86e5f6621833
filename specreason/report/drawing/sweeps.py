"""Figures along one knob: the acceptance threshold, and the first steps on the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import (
    legend_below,
    mark,
    page,
    say_nothing_known,
    share_limits,
    shortened,
)
from specreason.report.drawing.ink import BLUE, LINE_DASHES
from specreason.report.drawing.lines import LONGEST_NAME, Line, draw_line, lines_of
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

PANEL_WIDTH, PANEL_HEIGHT = 3.9, 3.3  # inches


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is drawn in every panel: lines along the knob, and by cell the line of the base alone for reference."""

    knob: str
    lines: Sequence[Line]
    references: Mapping[str, tuple[str, Mapping[str, Any]]]


def draw_threshold_sweep(figure: Figure, cells: Cells) -> Any:
    """Accuracy, latency and acceptance against the acceptance threshold."""
    return _draw(figure, cells, "threshold", "acceptance threshold")


def draw_first_n_sweep(figure: Figure, cells: Cells) -> Any:
    """The same against the number of first steps that the base writes."""
    return _draw(figure, cells, "first_steps_on_base", "first steps written by the base")


def _draw(figure: Figure, cells: Cells, knob: str, axis_name: str) -> Any:
    rows = figure.dicts()
    datasets = by_dataset(rows)
    sweep = Sweep(
        knob=knob,
        lines=lines_of([row for row in rows if _is_swept(row, knob)], cells, knob),
        references=_references(rows, in_dataset=len(datasets) > 1),
    )
    hint = "Up is better for right answers, down for latency. Bars and bands: 95 %."
    hint += counted_each(rows, "num_jobs", "jobs")
    drawing = page(figure.title, hint, 3 * PANEL_WIDTH, PANEL_HEIGHT * len(datasets))
    of_base = dict(sweep.references.values())
    entries = [
        *(line.entry for line in sweep.lines),
        *(mark(name, **style) for name, style in of_base.items()),
    ]
    legend_below(drawing, entries)
    grid = drawing.subplots(len(datasets), 3, squeeze=False)
    for (dataset, of_dataset), row in zip(datasets.items(), grid, strict=True):
        for axes, panel in zip(row, (RIGHT, LATENCY, ACCEPTED), strict=True):
            title = f"{panel.title}: {shortened(dataset, 24)}" if len(datasets) > 1 else panel.title
            axes.set(title=title, xlabel=axis_name, ylabel=panel.unit)
            _draw_panel(axes, of_dataset, sweep, panel)
    return drawing


def _is_swept(row: Row, knob: str) -> bool:
    return number(row, knob) is not None and text(row, "scheme") not in ("base", "drafter")


def _references(rows: Sequence[Row], *, in_dataset: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name and style of the line of each cell of the base alone, by the cell. The same name has one style."""
    of_base = [row for row in rows if text(row, "scheme") == "base"]
    names = {text(row, "cell"): label_of(row, in_dataset=in_dataset) for row in of_base}
    styles = {
        name: {"color": BLUE, "linestyle": LINE_DASHES[(place + 1) % len(LINE_DASHES)], "linewidth": 2}
        for place, name in enumerate(dict.fromkeys(names.values()))
    }
    return {cell: (f"{shortened(name, LONGEST_NAME)} (alone)", styles[name]) for cell, name in names.items()}


def _draw_panel(axes: Any, rows: Sequence[Row], sweep: Sweep, panel: Panel) -> None:
    factor = 100 if panel.is_share else 1
    swept = [row for row in rows if _is_swept(row, sweep.knob)]
    values = sorted({value for row in swept if (value := number(row, sweep.knob)) is not None})
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    known: list[Interval] = []
    for row in rows:
        reference, found = sweep.references.get(text(row, "cell")), interval(row, panel.column)
        if reference is None or found is None:
            continue
        known.append(found)
        axes.axhline(factor * found.mean, zorder=1, **reference[1])
        if found.bounds is not None:
            axes.axhspan(*(factor * bound for bound in found.bounds), color=BLUE, alpha=0.12, linewidth=0)
    for line in sweep.lines:
        points = line.points(rows, sweep.knob, panel.column)
        known += [found for _, found in points]
        draw_line(axes, points, line.style, aside=line.aside * step, factor=factor)
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
