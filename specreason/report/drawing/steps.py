"""Rankings of steps: a bar for each, with the beginning of its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import beginning, legend_below, page, shortened
from specreason.report.drawing.ink import AMBER, BLACK, BLUE, PALE
from specreason.report.drawing.rows import Row, number, text

WIDTH, BAR, PANEL = 12.4, 0.3, 0.7  # inches
MOST_ROWS = 20
LONGEST_TEXT = 84


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a ranking: its label, how long its bar is and how filled, the figure behind it, and the text."""

    label: str
    fill: Fill
    value: float
    said: str
    text: str


def draw_slowest_steps(figure: Figure, cells: object) -> Any:
    """Seconds of the slowest steps."""
    bars = [
        Bar(
            label=f"{_whose(row)}, step {text(row, 'step')}",
            fill=FILL_OF.get(text(row, "author"), OTHER),
            value=(seconds := number(row, "seconds") or 0.0),
            said=f"{seconds:.3g} s",
            text=text(row, "text"),
        )
        for row in figure.dicts()[:MOST_ROWS]
    ]
    hint = "Seconds of one step, the slowest first. Right of the bars: how the step's text begins."
    return _draw(figure.title, hint, bars, "seconds of the step")


def draw_most_rewritten_steps(figure: Figure, cells: object) -> Any:
    """The share of drafts that the base wrote again."""
    bars = [
        Bar(
            label=_whose(row) + (f", as in step {step}" if (step := text(row, "example_step")) else ""),
            fill=REWRITTEN,
            value=100 * (number(row, "share_rewritten") or 0.0),
            said=f"{text(row, 'num_rewritten')} of {text(row, 'num_drafts')}",
            text=text(row, "text"),
        )
        for row in figure.dicts()[:MOST_ROWS]
    ]
    hint = "Where the base disagrees most with the drafter. Right of the bars: how one such step begins."
    return _draw(figure.title, hint, bars, "rewritten drafts, %")


def _whose(row: Row) -> str:
    return f"{shortened(text(row, 'label'), 26)}, problem {shortened(text(row, 'problem'), 16)}"


def _draw(title: str, hint: str, bars: Sequence[Bar], unit: str) -> Any:
    from matplotlib.patches import Patch

    drawing = page(title, hint, WIDTH, BAR * len(bars) + PANEL)
    edge: dict[str, Any] = {"edgecolor": BLACK, "linewidth": 0.6}
    fills = dict.fromkeys(bar.fill for bar in bars)
    legend_below(
        drawing, [Patch(facecolor=fill.colour, hatch=fill.hatch, label=fill.name, **edge) for fill in fills]
    )
    axes, beside = drawing.subplots(1, 2, width_ratios=(1, 1.35), sharey=True)
    for place, bar in enumerate(bars):
        axes.barh(place, bar.value, height=0.62, color=bar.fill.colour, hatch=bar.fill.hatch, **edge)
        axes.text(bar.value, place, f" {bar.said}", va="center", fontsize=8)
        beside.text(
            0,
            place,
            beginning(bar.text, LONGEST_TEXT),
            va="center",
            fontsize=8,
            color="#333333",
            clip_on=True,
        )
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set(xlabel=unit, xlim=(0, 1.28 * (max((bar.value for bar in bars), default=0.0) or 1.0)))
    axes.grid(axis="y", visible=False)
    beside.set_axis_off()
    beside.set_xlim(0, 1)
    return drawing
