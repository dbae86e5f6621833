"""The figures of a comparison, as the page writes and draws them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from api.pages.compare.figures import KINDS, WIDTH, figure_rows, outcome_bars
from specreason.evaluation.comparison.values import Figure, Figures, Outcomes
from specreason.evaluation.intervals import Interval


def interval(mean: float, low: float | None = None, high: float | None = None) -> Interval:
    return Interval(mean=mean, low=low, high=high)


def figure(difference: Interval, ratio: Interval | None = None) -> Figure:
    return Figure(
        a=interval(0.5, 0.4, 0.6),
        b=interval(0.75),
        difference=difference,
        ratio=ratio,
        num_problems=3,
        num_jobs=6,
    )


def figures(**known: Figure) -> Figures:
    nothing = dict.fromkeys((each.name for each in fields(Figures)), None)
    return Figures(**(nothing | known))  # type: ignore[arg-type]


def test_every_figure_of_a_comparison_is_on_the_page() -> None:
    drawn = {kind.field for kind in KINDS}
    assert drawn == {each.name for each in fields(Figures)} - {"speedup"}


def test_a_difference_of_shares_is_in_points_and_signed() -> None:
    (row,) = figure_rows(figures(pass_at_k=figure(interval(-0.25, -0.5, 0.125))), k=4)
    assert row.name == "pass@4"
    assert (row.a.mean, row.a.bounds, row.b.bounds) == ("50.0 %", "40.0 % to 60.0 %", "")
    assert (row.difference.mean, row.difference.bounds) == ("−25.0 points", "−50.0 points to +12.5 points")
    assert row.ratio.mean == "–"


@pytest.mark.parametrize(
    ("field", "low", "high", "verdict"),
    [
        ("latency_s", 0.25, 0.75, "good"),  # less time is better
        ("latency_s", 1.5, 3.0, "bad"),
        ("latency_s", 0.9, 3.0, "wait"),
        ("kept_tokens", 1.5, 3.0, "wait"),  # neither is better
    ],
)
def test_a_picture_is_good_or_bad_only_where_no_difference_is_outside(
    field: str, low: float, high: float, verdict: str
) -> None:
    middle = (low * high) ** 0.5
    (row,) = figure_rows(figures(**{field: figure(interval(1.0), interval(middle, low, high))}), k=None)
    assert row.mark is not None
    assert row.mark.verdict == verdict


def test_less_is_left_of_the_middle_and_no_interval_leaves_the_picture() -> None:
    ratio = interval(0.5, 0.25, 1.0)
    (row,) = figure_rows(figures(latency_s=figure(interval(-1.0), ratio)), k=None)
    assert row.mark is not None
    assert 0 < row.mark.x < row.mark.at < row.mark.x + row.mark.width == pytest.approx(WIDTH / 2)
    assert row.mark.at - row.mark.x == pytest.approx(row.mark.width / 2), (
        "ratios are drawn by their logarithm"
    )


def test_a_ratio_of_nothing_has_no_picture() -> None:
    (row,) = figure_rows(figures(wasted_tokens=figure(interval(-3.0), interval(0.0, 0.0, 0.0))), k=None)
    assert row.mark is None


def test_the_bar_of_outcomes_is_filled_without_a_gap() -> None:
    counts = Outcomes(num_won=1, num_lost=2, num_tied=0, num_ungraded=5, mcnemar_p=1.0, bootstrap_p=None)
    bars = outcome_bars(counts)
    assert [(bar.outcome, bar.x, bar.width) for bar in bars] == [
        ("won", 0.0, 12.5),
        ("lost", 12.5, 25.0),
        ("ungraded", 37.5, 62.5),
    ]
