"""Every picture can be drawn, whatever is known, and no text of one lies over another."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from specreason.evaluation.report.values import Figure, Report
from specreason.report.drawing.draw import DRAW_OF, draw
from specreason.report.drawing.ink import STYLE
from specreason.report.drawing.placing import settle
from tests.support.report.made_up import cells_of, report_of

REPORTS = {
    "one cell": report_of(cells_of(schemes=("specreason",))),
    "no intervals": report_of(cells_of(), has_intervals=False),
    "eleven cells": report_of(cells_of(datasets=("gsm8k", "math_500"), thresholds=(3.0, 5.0, 7.0, 9.0))[:11]),
    "forty cells": report_of(
        cells_of(thresholds=(1, 2, 3, 4, 5, 6, 7, 8, 9), methods=("greedy", "expected"), budgets=(512, 1024))[
            :40
        ]
    ),
    "long names": report_of(
        cells_of(
            pairs=(
                "a_very_long$pair_name$with_32_billion_parameters",
                "another_very_long$pair_name$with_70_billion",
            ),
            datasets=("my_dataset$of_costs$and_a_very_long_name_indeed",),
        )
    ),
}


def texts_of(report: Report, figure: Figure) -> list[tuple[str, Any]]:
    """Every text that is seen, and its box on the page."""
    with style.context(["default", STYLE]):
        drawing = DRAW_OF[figure.name](figure, {cell.key: cell for cell in report.cells})
        settle(drawing)
        renderer = FigureCanvasAgg(drawing).get_renderer()
        drawing.draw(renderer)
        hidden = {
            id(label) for axes in drawing.axes for axis in (axes.xaxis, axes.yaxis) for label in beyond(axis)
        }
        found = [text for text in drawing.findobj(Text) if text.get_text().strip() and id(text) not in hidden]
        # An annotation's own box has its line in it, too.
        return [
            (text.get_text(), Text.get_window_extent(text, renderer)) for text in found if text.get_visible()
        ]


def beyond(axis: Any) -> list[Any]:
    """Labels of ticks beyond the ends of an axis: they are not drawn."""
    low, high = sorted(axis.get_view_interval())
    return [
        label
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not (low <= tick.get_loc() <= high and axis.axes.axison)
    ]


CROWDED = ("forty cells", "long names")


@pytest.mark.parametrize(
    ("name", "case"),
    [
        *(("accuracy_latency", case) for case in REPORTS),
        *product(("output_length", "budget_gap", "threshold_sweep", "base_sizes", "reward"), CROWDED),
    ],
)
def test_no_text_of_a_picture_lies_over_another(name: str, case: str) -> None:
    report = REPORTS[case]
    figure = next(each for each in report.figures if each.name == name)
    over = [
        (a, b)
        for (a, box_a), (b, box_b) in combinations(texts_of(report, figure), 2)
        # Boxes have air above and below their letters.
        if box_a.padded(-2).overlaps(box_b.padded(-2))
    ]
    assert over == []


def test_a_rewritten_problem_without_an_example_names_no_step() -> None:
    report = REPORTS["one cell"]
    figure = next(each for each in report.figures if each.name == "most_rewritten_steps")
    place = figure.columns.index("example_step")
    unknown = replace(figure, rows=tuple((*row[:place], None, *row[place + 1 :]) for row in figure.rows))
    assert any("as in step" in text for text, _ in texts_of(report, figure))
    assert not any("as in step" in text for text, _ in texts_of(report, unknown))


@pytest.mark.parametrize("name", DRAW_OF)
def test_a_figure_of_which_nothing_is_known_is_drawn(name: str) -> None:
    report = REPORTS["no intervals"]
    figure = next(each for each in report.figures if each.name == name)
    kept = {"cell", "label", "dataset", "scheme"}
    places = [place for place, column in enumerate(figure.columns) if column not in kept]
    unknown = tuple(
        tuple(None if place in places else value for place, value in enumerate(row)) for row in figure.rows
    )
    assert draw(replace(figure, rows=unknown), report.cells)["png"].startswith(b"\x89PNG")
    assert draw(figure, ())["svg"].startswith(b"<?xml")
