"""The interval of a share, against the values of Newcombe (1998), table I."""

from __future__ import annotations

import pytest

from specreason.evaluation.intervals import Interval, pass_at_1_interval, wilson


@pytest.mark.parametrize(
    ("hits", "num", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, num: int, low: float, high: float) -> None:
    assert wilson(hits / num, num) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("mean", "n", "low", "high"), [(0.5, 100, 0.404, 0.596), (1.0, 16, 0.806, 1.0), (0.0, 16, 0.0, 0.194)]
)
def test_the_interval_is_wilsons(mean: float, n: int, low: float, high: float) -> None:
    interval = pass_at_1_interval(mean, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_an_estimate_has_both_bounds_or_none() -> None:
    assert Interval(mean=1.0, low=0.5, high=2.0).bounds == (0.5, 2.0)
    assert Interval(mean=1.0, low=None, high=None).bounds is None
