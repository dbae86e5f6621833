"""How long the rest of a batch takes, from the jobs that ended lately."""

from __future__ import annotations

import math

from specreason.evaluation.pace import Pace, time_in_words


def test_the_time_left_has_bounds_that_narrow_as_jobs_end() -> None:
    few, many = Pace(num_ended=10, seconds=60).left_s(100), Pace(num_ended=1000, seconds=6000).left_s(100)
    assert few is not None
    assert many is not None
    assert few.mean == many.mean == 600
    assert few.bounds is not None
    assert many.bounds is not None
    assert few.bounds[0] < many.bounds[0] < 600 < many.bounds[1] < few.bounds[1]


def test_bounds_hold_the_count_that_chance_gives_in_95_of_100_cases() -> None:
    left = Pace(num_ended=100, seconds=100).left_s(100)
    assert left is not None
    assert left.bounds is not None
    # Counts with a mean of 100 lie within 100 ± 19.6 so often.
    low, high = (100 * 100 / bound for bound in left.bounds)
    assert math.isclose(low, 119.6, rel_tol=0.02)
    assert math.isclose(high, 80.4, rel_tol=0.02)


def test_nothing_is_left_to_tell_before_a_job_has_ended() -> None:
    assert Pace(num_ended=0, seconds=60).left_s(5) is None


def test_times_are_in_one_unit() -> None:
    assert [time_in_words(seconds) for seconds in (40, 600, 12_600)] == ["40 s", "10 min", "3.5 h"]
