"""Intervals around the figures of a batch."""

from __future__ import annotations

import pytest

from specreason.evaluation.intervals import paired_share_interval, pass_at_1_interval, ratio_interval


@pytest.mark.parametrize(
    ("mean", "n", "low", "high"), [(0.5, 100, 0.404, 0.596), (1.0, 16, 0.806, 1.0), (0.0, 16, 0.0, 0.194)]
)
def test_the_interval_is_wilsons(mean: float, n: int, low: float, high: float) -> None:
    interval = pass_at_1_interval(mean, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_a_ratio_of_paired_values_is_certain_where_every_pair_has_it() -> None:
    interval = ratio_interval([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    assert (interval.low, interval.mean, interval.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_ratio_weighs_long_problems_as_its_means_do() -> None:
    interval = ratio_interval([0.0, 9.0], [1.0, 9.0])
    assert interval.mean == pytest.approx(0.9)
    assert interval.low < 0.9 < interval.high


def test_a_difference_of_shares_has_an_interval_even_where_no_problem_differs() -> None:
    interval = paired_share_interval([True] * 200, [True] * 200)
    assert interval.mean == 0
    assert -0.05 < interval.low < 0 < interval.high < 0.05
    few = paired_share_interval([True] * 5, [True] * 5)
    assert few.low < interval.low


def test_a_difference_of_shares_is_that_of_the_problems_won_and_lost() -> None:
    interval = paired_share_interval([True, True, False, True], [True, False, True, False])
    assert interval.mean == pytest.approx(0.25)
    assert interval.low < 0.25 < interval.high
