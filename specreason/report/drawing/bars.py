"""Stacked horizontal bars, one for each cell: where tokens or seconds of a job go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from specreason.evaluation.report.values import Figure
from specreason.report.drawing.axes import legend_below, mark, page, shortened
from specreason.report.drawing.ink import AMBER, BLACK, BLUE, BY_BASE, BY_DRAFTER, GREY, PINK, WASTED, Ink
from specreason.report.drawing.rows import Row, by_dataset, interval, label_of, number

WIDTH, BAR, PANEL = 9.6, 0.34, 0.95  # inches: of the page, of a row, and around the rows of a panel
# A part that is drawn: the column with its mean for each job, and its ink.
Parts = Sequence[tuple[str, Ink]]
OF_TOKENS: Parts = (("by_drafter", BY_DRAFTER), ("by_base", BY_BASE), ("wasted", WASTED))
OF_SECONDS: Parts = (
    ("drafting_s", Ink(name="drafting", colour=AMBER, hatch="///")),
    ("verifying_s", Ink(name="verifying drafts", colour=PINK, hatch="...")),
    ("writing_s", Ink(name="writing by the base", colour=BLUE)),
    ("waiting_s", Ink(name="waiting and storing", colour="#FFFFFF", hatch="xxx")),
)


def draw_output_length(figure: Figure, cells: object) -> Any:
    """Tokens of a job: kept ones by their author, and behind them those that were not kept."""
    hint = "Tokens of a job, mean. Shorter is cheaper. Bar: the kept tokens' mean with 95 %."
    return _draw(figure, OF_TOKENS, "tokens of a job", hint, "{:,.0f}", with_interval="kept_tokens")


def draw_where_time_goes(figure: Figure, cells: object) -> Any:
    """Seconds of a job by what they were for."""
    hint = "Seconds of a job, mean, by what they went into. Shorter is faster."
    return _draw(figure, OF_SECONDS, "latency of a job, s", hint, _seconds)


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def _draw(
    figure: Figure,
    parts: Parts,
    unit: str,
    hint: str,
    written: str | Callable[[float], str],
    *,
    with_interval: str | None = None,
) -> Any:
    panels = by_dataset(figure.dicts())
    say = written.format if isinstance(written, str) else written
    heights = [BAR * len(rows) + PANEL for rows in panels.values()]
    drawing = page(figure.title, hint, WIDTH, sum(heights))
    legend_below(drawing, _legend(figure, parts))
    several = drawing.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (dataset, rows) in zip(several, panels.items(), strict=True):
        _draw_panel(axes, rows, parts, say, with_interval, in_dataset=len(panels) > 1)
        axes.set(xlabel=unit, title=shortened(dataset))
    return drawing


def _draw_panel(
    axes: Any,
    rows: Sequence[Row],
    parts: Parts,
    say: Callable[[float], str],
    with_interval: str | None,
    *,
    in_dataset: bool,
) -> None:
    ends = [0.0] * len(rows)
    farthest = [0.0] * len(rows)
    for column, ink in parts:
        lengths = [number(row, column) or 0.0 for row in rows]
        axes.barh(
            range(len(rows)), lengths, left=ends, height=0.66,
            color=ink.colour, hatch=ink.hatch, edgecolor=BLACK, linewidth=0.6,
        )
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for place, row in enumerate(rows):
        farthest[place] = ends[place]
        found = interval(row, with_interval) if with_interval else None
        if found is not None and found.bounds is not None:
            # White below black shows on every fill.
            for colour, width in (("white", 4.0), (BLACK, 1.6)):
                axes.plot(found.bounds, (place, place), color=colour, linewidth=width, solid_capstyle="butt")
            axes.plot(found.mean, place, color=BLACK, marker="|", markersize=9, markeredgewidth=1.6)
            farthest[place] = max(ends[place], found.bounds[1])
    longest = max(farthest, default=0.0) or 1.0
    for place, (row, end) in enumerate(zip(rows, farthest, strict=True)):
        known = any(number(row, column) is not None for column, _ in parts)
        axes.text(
            end + 0.012 * longest, place, say(ends[place]) if known else "not measured",
            va="center", fontsize=8, color=BLACK if known else GREY,
        )
    axes.set_yticks(range(len(rows)), [_row_label(row, in_dataset=in_dataset) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.13 * longest)
    axes.grid(axis="y", visible=False)


def _row_label(row: Row, *, in_dataset: bool) -> str:
    jobs = number(row, "num_jobs")
    return shortened(label_of(row, in_dataset=in_dataset)) + ("" if jobs is None else f"  (n = {jobs:,.0f})")


def _legend(figure: Figure, parts: Parts) -> list[Any]:
    from matplotlib.patches import Patch

    used = [ink for column, ink in parts if any(number(row, column) for row in figure.dicts())]
    entries: list[Any] = [
        Patch(facecolor=ink.colour, hatch=ink.hatch, edgecolor=BLACK, linewidth=0.6, label=ink.name) for ink in used
    ]
    return [*entries, mark("n: jobs", marker="")] if entries else []
