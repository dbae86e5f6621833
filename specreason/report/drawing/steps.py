"""Rankings of steps: a bar for each, with the beginning of its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import legend_below, page, shortened
from specreason.report.drawing.ink import AMBER, BLACK, BLUE, GREY, PALE
from specreason.report.drawing.rows import Row, number, text

WIDTH, BAR, PANEL = 12.4, 0.3, 0.7  # inches
MOST_ROWS = 20
LONGEST_TEXT = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """How a bar is filled, and what that means."""

    name: str
    colour: str
    hatch: str = ""


FILL_OF = {
    "base": Fill(name="written by the base", colour=BLUE),
    "drafter": Fill(name="written by the drafter", colour=AMBER, hatch="///"),
}
OTHER = Fill(name="other author", colour=PALE)
REWRITTEN = Fill(name="share of the drafts that the base wrote again", colour=BLUE)


def draw_slowest_steps(figure: Figure, cells: object) -> Any:
    """Seconds of the slowest steps."""
    rows = figure.dicts()[:MOST_ROWS]
    labels = [
        f"{shortened(text(row, 'label'), 26)}, problem {text(row, 'problem')}, step {text(row, 'step')}" for row in rows
    ]
    fills = [FILL_OF.get(text(row, "author"), OTHER) for row in rows]
    values = [number(row, "seconds") or 0.0 for row in rows]
    said = [f"{value:.3g} s" for value in values]
    hint = "Seconds of one step, the slowest first. Right of the bars: how the step's text begins."
    return _draw(figure, rows, labels, fills, values, said, "seconds of the step", hint)


def draw_most_rewritten_steps(figure: Figure, cells: object) -> Any:
    """The share of drafts that the base wrote again."""
    rows = figure.dicts()[:MOST_ROWS]
    labels = [
        f"{shortened(text(row, 'label'), 26)}, problem {text(row, 'problem')}, from step {text(row, 'example_step')}"
        for row in rows
    ]
    values = [100 * (number(row, "share_rewritten") or 0.0) for row in rows]
    said = [f"{text(row, 'num_rewritten')} of {text(row, 'num_drafts')}" for row in rows]
    hint = "Where the base disagrees most with the drafter. Right of the bars: how one such step begins."
    return _draw(figure, rows, labels, [REWRITTEN] * len(rows), values, said, "rewritten drafts, %", hint)


def _draw(
    figure: Figure,
    rows: Sequence[Row],
    labels: Sequence[str],
    fills: Sequence[Fill],
    values: Sequence[float],
    said: Sequence[str],
    unit: str,
    hint: str,
) -> Any:
    from matplotlib.patches import Patch

    drawing = page(figure.title, hint, WIDTH, BAR * len(rows) + PANEL)
    used = list(dict.fromkeys(fills))
    legend_below(
        drawing,
        [Patch(facecolor=each.colour, hatch=each.hatch, edgecolor=BLACK, linewidth=0.6, label=each.name) for each in used],
    )
    axes, beside = drawing.subplots(1, 2, width_ratios=(1, 1.35), sharey=True)
    for place, (value, fill) in enumerate(zip(values, fills, strict=True)):
        axes.barh(place, value, height=0.62, color=fill.colour, hatch=fill.hatch, edgecolor=BLACK, linewidth=0.6)
        axes.text(value, place, f" {said[place]}", va="center", fontsize=8)
        beside.text(0, place, shortened_end(text(rows[place], "text")), va="center", fontsize=8, color="#333333")
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set(xlabel=unit, xlim=(0, 1.28 * (max(values, default=0.0) or 1.0)))
    axes.grid(axis="y", visible=False)
    beside.set_axis_off()
    beside.set_xlim(0, 1)
    if not rows:
        axes.text(0.5, 0.5, "there is none", transform=axes.transAxes, ha="center", color=GREY)
    return drawing


def shortened_end(words: str) -> str:
    """The beginning of a text of a model, on one line."""
    from specreason.visible import on_one_line

    line = on_one_line(words)
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
