"""Stacked horizontal bars, one for each cell: where tokens or seconds of a job go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import legend_below, on_two_lines, page, shortened
from specreason.report.drawing.ink import AMBER, BLACK, BLUE, BY_BASE, BY_DRAFTER, GREY, PINK, WASTED, Ink
from specreason.report.drawing.rows import Row, by_dataset, interval, label_of, number

WIDTH, BAR, PANEL = 9.6, 0.34, 0.95  # inches: of the page, of a row, and around the rows of a panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What the bars are made of: columns with means for each job, their inks, and how the sum is written.

    `estimate` is a column whose interval is drawn, too.
    """

    parts: Sequence[tuple[str, Ink]]
    unit: str
    written: str
    estimate: str | None = None


TOKENS = Stack(
    parts=(("by_drafter", BY_DRAFTER), ("by_base", BY_BASE), ("wasted", WASTED)),
    unit="tokens of a job",
    written="{:,.0f}",
    estimate="kept_tokens",
)
SECONDS = Stack(
    parts=(
        ("drafting_s", Ink(name="drafting", colour=AMBER, hatch="///")),
        ("verifying_s", Ink(name="verifying drafts", colour=PINK, hatch="...")),
        ("writing_s", Ink(name="writing without a draft or in its place", colour=BLUE)),
        ("waiting_s", Ink(name="waiting and storing", colour="#FFFFFF", hatch="xxx")),
    ),
    unit="latency of a job, s",
    written="{:.3g} s",
)


def draw_output_length(figure: Figure, cells: object) -> Any:
    """Tokens of a job: kept ones by their author, and behind them those that were not kept."""
    hint = "Tokens of a job, mean. Shorter is cheaper. Black bar: the mean of the kept tokens, 95 %. n: jobs."
    return _draw(figure, TOKENS, hint)


def draw_where_time_goes(figure: Figure, cells: object) -> Any:
    """Seconds of a job by what they were for."""
    return _draw(
        figure, SECONDS, "Seconds of a job, mean, by what they went into. Shorter is faster. n: jobs."
    )


def _draw(figure: Figure, stack: Stack, hint: str) -> Any:
    panels = by_dataset(figure.dicts())
    heights = [BAR * len(rows) + PANEL for rows in panels.values()]
    drawing = page(figure.title, hint, WIDTH, sum(heights))
    legend_below(drawing, _legend(figure, stack))
    several = drawing.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (dataset, rows) in zip(several, panels.items(), strict=True):
        _draw_panel(axes, rows, stack)
        axes.set_yticks(range(len(rows)), [_row_label(row, in_dataset=len(panels) > 1) for row in rows])
        axes.set(xlabel=stack.unit, title=shortened(dataset))
    return drawing


def _draw_panel(axes: Any, rows: Sequence[Row], stack: Stack) -> None:
    ends = [0.0] * len(rows)
    for column, ink in stack.parts:
        lengths = [number(row, column) or 0.0 for row in rows]
        style = {"color": ink.colour, "hatch": ink.hatch, "edgecolor": BLACK, "linewidth": 0.6}
        axes.barh(range(len(rows)), lengths, left=ends, height=0.66, **style)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    farthest = list(ends)
    for place, row in enumerate(rows):
        found = interval(row, stack.estimate) if stack.estimate else None
        if found is not None and found.bounds is not None:
            # White below black shows on every fill.
            for colour, width in (("white", 4.0), (BLACK, 1.6)):
                axes.plot(found.bounds, (place, place), color=colour, linewidth=width, solid_capstyle="butt")
            axes.plot(found.mean, place, color=BLACK, marker="|", markersize=9, markeredgewidth=1.6)
            farthest[place] = max(ends[place], found.bounds[1])
    longest = max(farthest, default=0.0) or 1.0
    for place, row in enumerate(rows):
        is_known = any(number(row, column) is not None for column, _ in stack.parts)
        said, colour = (stack.written.format(ends[place]), BLACK) if is_known else ("not measured", GREY)
        axes.text(farthest[place] + 0.012 * longest, place, said, va="center", fontsize=8, color=colour)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.13 * longest)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.grid(axis="y", visible=False)


def _row_label(row: Row, *, in_dataset: bool) -> str:
    jobs = number(row, "num_jobs")
    return on_two_lines(label_of(row, in_dataset=in_dataset)) + (
        "" if jobs is None else f"  (n = {jobs:,.0f})"
    )


def _legend(figure: Figure, stack: Stack) -> list[Any]:
    from matplotlib.patches import Patch

    used = [ink for column, ink in stack.parts if any(number(row, column) for row in figure.dicts())]
    return [
        Patch(facecolor=ink.colour, hatch=ink.hatch, edgecolor=BLACK, linewidth=0.6, label=ink.name)
        for ink in used
    ]
