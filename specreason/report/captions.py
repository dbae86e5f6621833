"""Words that the page and the Markdown file share: which figure of the paper one follows, and numbers as text."""

from __future__ import annotations

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import CellFigures, Figure, Scalar

# Figures of arXiv 2504.07891 that show the same of the paper's own runs.
IN_THE_PAPER = {
    "accuracy_latency": "3",
    "output_length": "4a and 9",
    "budget_gap": "4b",
    "threshold_sweep": "5",
    "first_n_sweep": "6",
    "reward": "7",
    "base_sizes": "8",
}
# Figures whose table is what one reads, with its columns: texts need more room than a picture has.
READ_AS_TABLE = {
    "slowest_steps": (
        "label",
        "problem",
        "repeat",
        "step",
        "author",
        "decision",
        "seconds",
        "kept_tokens",
        "text",
    ),
    "most_rewritten_steps": (
        "label",
        "problem",
        "num_drafts",
        "num_rewritten",
        "share_rewritten",
        "example_step",
        "text",
    ),
}
UNKNOWN = "–"
CELL_HEADINGS = (
    "#",
    "cell",
    "dataset",
    "pass@1 [95 %]",
    "latency, s [95 %]",
    "speedup",
    "accepted",
    "jobs in flight",
    "n",
)


def caption(figure: Figure) -> str:
    """The title, with the number of the paper's figure that it follows."""
    of_the_paper = IN_THE_PAPER.get(figure.name)
    return (
        figure.title if of_the_paper is None else f"{figure.title} (after Fig. {of_the_paper} of the paper)"
    )


def cell_row(place: int, cell: CellFigures) -> tuple[str, ...]:
    """A row under CELL_HEADINGS; `place` counts from 1, as the numbers in crowded figures do."""
    return (
        str(place),
        cell.label,
        cell.dataset,
        _with_bounds(cell.pass_at_1, ".3f"),
        _with_bounds(cell.latency_s, ".2f"),
        UNKNOWN if cell.speedup is None else f"{cell.speedup.mean:.2f}×",
        UNKNOWN if cell.acceptance is None else f"{cell.acceptance.mean:.0%}",
        UNKNOWN if cell.concurrency is None else f"{cell.concurrency:.1f}",
        f"{cell.num_graded:,} of {cell.num_jobs:,}",
    )


def written(value: Scalar) -> str:
    """A value of a figure's table as people read it."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return str(value)


def _with_bounds(interval: Interval | None, form: str) -> str:
    if interval is None:
        return UNKNOWN
    if interval.bounds is None:
        return f"{interval.mean:{form}}"
    low, high = interval.bounds
    return f"{interval.mean:{form}} [{low:{form}}, {high:{form}}]"
