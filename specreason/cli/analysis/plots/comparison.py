"""Draws a comparison: the ratios with their intervals, and the latency of each problem in both batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from specreason.cli.analysis.plots.option import save_plot
from specreason.client import short_id
from specreason.client.analysis.comparison import ComparedPair, Comparison, Figure, Outcome
from specreason.evaluation.intervals import Interval
from specreason.report.drawing.axes import SECONDS, plain_ticks
from specreason.report.drawing.ink import BLACK, BLUE, ORANGE, PALE

WIDTH, HEIGHT = 10.0, 4.6  # inches
# Points of more pairs would hide each other.
MOST_POINTS = 5_000
MARK_OF: dict[str, dict[str, Any]] = {
    Outcome.UNGRADED: {"color": BLACK, "marker": "x", "s": 14, "linewidths": 0.7},
    Outcome.TIED: {"color": PALE, "marker": "o", "s": 10, "linewidths": 0},
    Outcome.WON: {"color": BLUE, "marker": "^", "s": 26, "linewidths": 0},
    Outcome.LOST: {"color": ORANGE, "marker": "v", "s": 26, "linewidths": 0},
}
LABEL_OF: dict[str, str] = {
    Outcome.UNGRADED: "not graded in both",
    Outcome.TIED: "as often right in both",
    Outcome.WON: "right more often in B",
    Outcome.LOST: "right more often in A",
}
# Round numbers for a logarithmic axis.
RATIOS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1,
    1.2,
    1.5,
    2,
    3,
    5,
    10,
    20,
    50,
    100,
    1000,
)


def draw_comparison(comparison: Comparison, pairs: Iterable[ComparedPair], path: Path) -> None:
    """Draw it into a file. Raises InvalidField if that cannot be written."""
    from matplotlib.figure import Figure as Drawing  # without pyplot, which keeps every figure

    drawing = Drawing(figsize=(WIDTH, HEIGHT), layout="constrained")
    drawing.suptitle(
        f"B, {_named(comparison.b.name, short_id(comparison.b.batch_id), comparison.b.scheme)}, against "
        f"A, {_named(comparison.a.name, short_id(comparison.a.batch_id), comparison.a.scheme)}: "
        f"{comparison.num_problems:,} problems",
        fontsize="medium",
    )
    differences, ratios, latencies = drawing.subplots(1, 3, width_ratios=(1, 1, 1.25))
    _draw_differences(differences, comparison)
    _draw_ratios(ratios, comparison)
    timed = comparison.figures.latency_s
    _draw_latencies(latencies, pairs, 0 if timed is None else timed.num_jobs)
    save_plot(drawing, path)


def _named(name: str, ref: str, scheme: str) -> str:
    # A dollar sign would begin a formula.
    return f"{name or ref} ({scheme})".replace("$", r"\$")


def _draw_differences(axes: Any, comparison: Comparison) -> None:
    """Shares: B less A, in points."""
    figures, k = comparison.figures, comparison.k
    named: list[tuple[str, Figure | None]] = [
        ("pass@1", figures.pass_at_1),
        (f"pass@{k}", figures.pass_at_k),
        (f"majority@{k}", figures.majority_at_k),
        ("drafts accepted", figures.step_acceptance),
    ]
    rows = [
        (name, _scaled(figure.difference))
        for name, figure in named
        if figure is not None and figure.difference
    ]
    axes.set(title="Right answers", xlabel="B − A, points (95 %)")
    _draw_intervals(axes, rows, none_at=0.0)


def _draw_ratios(axes: Any, comparison: Comparison) -> None:
    """Times, tokens and costs: B over A, on a logarithmic scale."""
    figures = comparison.figures
    named: list[tuple[str, Figure | None]] = [
        ("latency", figures.latency_s),
        ("tokens kept", figures.kept_tokens),
        ("tokens spent", figures.spent_tokens),
        ("GPU-seconds", figures.gpu_s),
        ("GPU-s per\nright answer", figures.gpu_s_per_right_answer),
    ]
    rows = [(name, figure.ratio) for name, figure in named if figure is not None and figure.ratio is not None]
    axes.set(title="Cost", xlabel="B / A (95 %)", xscale="log")
    _draw_intervals(axes, rows, none_at=1.0)
    plain_ticks(axes.xaxis, RATIOS)


def _draw_intervals(axes: Any, rows: Sequence[tuple[str, Interval]], *, none_at: float) -> None:
    axes.axvline(none_at, color=PALE, linewidth=1, linestyle="--")
    for place, (_, interval) in enumerate(rows):
        bounds = interval.bounds
        if bounds is not None:
            axes.plot(bounds, (place, place), color=BLACK, linewidth=1.5)
        axes.plot(interval.mean, place, color=BLACK, marker="s", markersize=5)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    if not rows:
        axes.text(0.5, 0.5, "nothing is known in both", transform=axes.transAxes, ha="center")


def _draw_latencies(axes: Any, pairs: Iterable[ComparedPair], num_timed: int) -> None:
    """A point for each of `num_timed` pairs of timed jobs, MOST_POINTS at most; below the diagonal B is faster."""
    part = f"\n{MOST_POINTS:,} of {num_timed:,} jobs" if num_timed > MOST_POINTS else ""
    axes.set(title=f"Latency of each problem{part}", xlabel="A, s", ylabel="B, s")
    timed = list(islice((pair for pair in pairs if pair.latency_a_s and pair.latency_b_s), MOST_POINTS))
    if not timed:
        axes.text(0.5, 0.5, "no problem was timed in both", transform=axes.transAxes, ha="center")
        return
    for outcome in dict.fromkeys((*MARK_OF, *(pair.outcome for pair in timed))):
        points = [(pair.latency_a_s, pair.latency_b_s) for pair in timed if pair.outcome == outcome]
        if points:
            mark = MARK_OF.get(outcome, MARK_OF[Outcome.UNGRADED])
            axes.scatter(*zip(*points, strict=True), label=LABEL_OF.get(outcome, outcome), alpha=0.8, **mark)
    axes.set(xscale="log", yscale="log")
    low = min(*axes.get_xlim(), *axes.get_ylim())
    high = max(*axes.get_xlim(), *axes.get_ylim())
    axes.plot((low, high), (low, high), color=PALE, linewidth=1, linestyle="--")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis, SECONDS)
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False)


def _scaled(interval: Interval) -> Interval:
    bounds = interval.bounds
    low, high = (None, None) if bounds is None else (100 * bounds[0], 100 * bounds[1])
    return Interval(mean=100 * interval.mean, low=low, high=high)
