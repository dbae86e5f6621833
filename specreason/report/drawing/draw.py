"""Draws a figure by its name into PNG and SVG. The same figure gives the same bytes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from specreason.evaluation.report.values import CellFigures, Figure
from specreason.report.drawing.accuracy_latency import draw_accuracy_latency
from specreason.report.drawing.bars import draw_output_length, draw_where_time_goes
from specreason.report.drawing.base_sizes import draw_base_sizes
from specreason.report.drawing.budget_gap import draw_budget_gap
from specreason.report.drawing.ink import STYLE
from specreason.report.drawing.placing import settle
from specreason.report.drawing.reward import draw_reward
from specreason.report.drawing.rows import Cells
from specreason.report.drawing.steps import draw_most_rewritten_steps, draw_slowest_steps
from specreason.report.drawing.sweeps import draw_first_n_sweep, draw_threshold_sweep

DRAW_OF: dict[str, Callable[[Figure, Cells], Any]] = {
    "accuracy_latency": draw_accuracy_latency,
    "output_length": draw_output_length,
    "budget_gap": draw_budget_gap,
    "threshold_sweep": draw_threshold_sweep,
    "first_n_sweep": draw_first_n_sweep,
    "reward": draw_reward,
    "base_sizes": draw_base_sizes,
    "where_time_goes": draw_where_time_goes,
    "slowest_steps": draw_slowest_steps,
    "most_rewritten_steps": draw_most_rewritten_steps,
}
SHARPNESS = 1.5  # dots of a PNG for each of the layout
# Matplotlib writes neither when nor with what a file was made.
METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "png": {"Software": None},
}


def is_drawn(figure: Figure) -> bool:
    """Whether this version knows how to draw it, and there is something to draw. Otherwise it is a table alone."""
    return figure.name in DRAW_OF and bool(figure.rows)


def draw(
    figure: Figure, cells: Sequence[CellFigures], kinds: Iterable[str] = ("svg", "png")
) -> dict[str, bytes]:
    """The picture as "png" and "svg", or as one of them."""
    with _style():
        drawing = DRAW_OF[figure.name](figure, {cell.key: cell for cell in cells})
        # Laid out once for all files.
        settle(drawing)
        return {kind: _saved(drawing, kind) for kind in kinds}


def _saved(drawing: Any, kind: str) -> bytes:
    file = BytesIO()
    drawing.savefig(file, format=kind, dpi=SHARPNESS * drawing.dpi, metadata=METADATA[kind])
    return file.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """Our style, whatever this machine's own matplotlib settings are."""
    from matplotlib import style

    with style.context(["default", STYLE]), warnings.catch_warnings():
        # A text of a user may have letters that the font lacks; a box stands for each.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield
