"""Intervals over problems, against values computed by hand. That they hold is shown in `tests/simulation`."""

from __future__ import annotations

import math
import random

import pytest
from scipy.special import stdtrit

from specreason.evaluation.bounds import halls, students
from specreason.evaluation.clusters import (
    difference_of_shares,
    difference_over_problems,
    figure_of_sums,
    mean_of_cases,
    mean_over_problems,
    quantile_over_problems,
    ratio_of_means,
    share_over_problems,
    sums_by_problem,
    variance_of_difference,
)
from specreason.evaluation.intervals import Interval, wilson
from specreason.evaluation.scientific import np


def values_of(interval: Interval | None) -> tuple[float, float, float]:
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.mean, interval.high


def test_a_mean_of_symmetric_values_has_students_interval() -> None:
    # 3 ± 2.776 × 1.5811 / √5
    interval = mean_over_problems([1, 2, 3, 4, 5], [1] * 5)
    assert values_of(interval) == pytest.approx((1.0368, 3.0, 4.9632), abs=1e-4)


def test_a_long_tail_moves_the_interval_of_a_mean_towards_the_tail() -> None:
    low, mean, high = values_of(mean_over_problems([1, 1, 1, 2, 2, 3, 9, 30], [1] * 8))
    assert high - mean > 2 * (mean - low)


@pytest.mark.parametrize("side", [1, -1])
def test_halls_transformation_maps_each_bound_back_to_students_quantile(side: int) -> None:
    values = [side * v for v in (1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 9.0, 12.0)]
    m, mean = len(values), sum(values) / 8
    second = sum((v - mean) ** 2 for v in values) / m
    third = sum((v - mean) ** 3 for v in values) / m
    skewness = third / second**1.5 * math.sqrt(m * (m - 1)) / (m - 2) / math.sqrt(m)
    for bound, quantile in zip(halls(np.array(values)), (2.364624, -2.364624), strict=True):
        t = -bound
        # Hall (1992): t + a/3 t² + a²/27 t³ + a/6 is close to normal, a the skewness of the mean.
        transformed = t + skewness / 3 * t**2 + skewness**2 / 27 * t**3 + skewness / 6
        assert transformed == pytest.approx(quantile, abs=1e-5)


def test_a_long_tail_counts_as_fewer_values() -> None:
    assert students(np.arange(30.0)) == pytest.approx(
        2.04523, abs=1e-5
    )  # Student's with 29 degrees of freedom
    tail = np.array([0.0] * 29 + [1.0])
    # Its excess kurtosis is 1 / (p (1 - p)) - 6 with p = 1/30, so that 29 degrees become 29 / (1 + 25.03 / 2).
    assert students(tail) == pytest.approx(stdtrit(29 / (1 + (900 / 29 - 6) / 2), 0.975))
    assert students(np.ones(5)) == pytest.approx(2.776445, abs=1e-6)


def test_a_mean_over_unequal_repeats_weighs_each_job_the_same() -> None:
    assert mean_over_problems([4, 2], [4, 1]).mean == pytest.approx(6 / 5)


def test_a_job_that_is_counted_twice_in_its_problem_adds_no_certainty() -> None:
    values = [3.0, 4.0, 8.0, 9.0, 20.0]
    once = mean_over_problems(values, [1] * 5)
    twice = mean_over_problems([2 * v for v in values], [2] * 5)
    assert values_of(twice) == pytest.approx(values_of(once))


def test_one_problem_has_a_mean_and_no_interval() -> None:
    assert mean_over_problems([12.0], [4]) == Interval(mean=3.0, low=None, high=None)
    assert difference_over_problems([-2.0], [1]) == Interval(mean=-2.0, low=None, high=None)
    assert ratio_of_means([3.0], [2.0]) == Interval(mean=1.5, low=None, high=None)


def test_equal_values_have_no_interval_because_they_do_not_tell_their_spread() -> None:
    for found in (
        mean_over_problems([0.1] * 7, [1] * 7),
        difference_over_problems([1.3 - 0.3, 2.3 - 1.3], [1, 1]),
        ratio_of_means([1.1, 2.2, 4.4], [2.2, 4.4, 8.8]),
    ):
        assert found is not None
        assert (found.low, found.high) == (None, None)


def test_problems_without_a_job_do_not_count() -> None:
    with_gaps = share_over_problems([1, 0, 0, 2], [2, 0, 2, 2])
    assert with_gaps == share_over_problems([1, 0, 2], [2, 2, 2])
    with pytest.raises(ValueError, match="no problem"):
        share_over_problems([0, 0], [0, 0])


def test_a_share_over_single_jobs_has_wilsons_interval() -> None:
    interval = share_over_problems([1] * 81 + [0] * 182, [1] * 263)
    assert values_of(interval) == pytest.approx((0.2553, 81 / 263, 0.3662), abs=5e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_unanimous_answers_have_the_interval_of_as_many_single_ones(share: float) -> None:
    interval = share_over_problems([share * 8] * 20, [8] * 20)
    assert (interval.low, interval.high) == pytest.approx(wilson(share, 20))


def test_repeats_that_always_agree_add_no_certainty_and_those_that_differ_do() -> None:
    agree = values_of(share_over_problems([4] * 20 + [0] * 20, [4] * 40))
    differ = values_of(share_over_problems([1, 2, 2, 3] * 10, [4] * 40))
    single = values_of(share_over_problems([1] * 20 + [0] * 20, [1] * 40))
    assert agree == pytest.approx(single, abs=0.01)
    assert differ[2] - differ[0] < 0.75 * (single[2] - single[0])


def test_a_difference_of_shares_adds_half_a_problem_to_each_outcome() -> None:
    # Agresti and Min (2005): 10 won and 2 lost of 100 become 10.5 and 2.5 of 102; Student's quantile is 1.98373.
    centre, half = 8 / 102, 1.98373 * math.sqrt(13 - 64 / 102) / 102
    interval = difference_of_shares([1] * 10 + [-1] * 2 + [0] * 88, [1] * 100)
    assert values_of(interval) == pytest.approx((centre - half, 0.08, centre + half), abs=1e-5)


def test_a_difference_of_shares_has_an_interval_even_where_no_problem_differs() -> None:
    low, mean, high = values_of(difference_of_shares([0] * 200, [1] * 200))
    assert mean == 0
    assert -0.05 < low < 0 < high < 0.05
    few, _, _ = values_of(difference_of_shares([0] * 5, [1] * 5))
    assert few < low


def test_a_difference_of_shares_is_that_of_the_problems_won_and_lost() -> None:
    low, mean, high = values_of(difference_of_shares([0, 1, -1, 1], [1] * 4))
    assert mean == pytest.approx(0.25)
    assert low < 0.25 < high


@pytest.mark.parametrize("m", [1, 3, 100, 10_000])
@pytest.mark.parametrize("difference", [-16, -8, 0, 16])
def test_an_interval_of_a_difference_holds_the_difference(m: int, difference: int) -> None:
    low, mean, high = values_of(difference_of_shares([difference] * m, [16] * m))
    assert -1 <= low <= mean <= high <= 1


def test_a_ratio_weighs_long_problems_as_its_means_do() -> None:
    interval = ratio_of_means([1.0, 9.0], [1.0, 18.0])
    assert values_of(interval)[1] == pytest.approx(10 / 19)


def test_the_interval_of_a_ratio_and_of_its_inverse_say_the_same() -> None:
    ours, theirs = [1.0, 2.0, 5.0, 3.0], [2.0, 2.0, 7.0, 9.0]
    low, ratio, high = values_of(ratio_of_means(ours, theirs))
    assert values_of(ratio_of_means(theirs, ours)) == pytest.approx((1 / high, 1 / ratio, 1 / low))


@pytest.mark.parametrize(("ours", "theirs"), [([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0]), ([], [])])
def test_there_is_no_ratio_to_nothing(ours: list[float], theirs: list[float]) -> None:
    assert ratio_of_means(ours, theirs) is None


def test_the_jackknife_of_a_mean_is_its_own_interval() -> None:
    values, counts = [3.0, 4.0, 8.0, 9.0, 20.0], [1.0] * 5
    figure = figure_of_sums(lambda sums: sums[0] / sums[1], np.column_stack([values, counts]))
    assert values_of(figure) == pytest.approx(values_of(mean_over_problems(values, counts)))


def test_a_figure_that_one_problem_alone_makes_possible_has_no_interval() -> None:
    def ratio(sums: object) -> float:
        return sums[0] / sums[1]  # type: ignore[index, no-any-return]

    assert figure_of_sums(ratio, np.array([[1.0, 0.0], [2.0, 4.0]])) == Interval(
        mean=0.75, low=None, high=None
    )
    assert figure_of_sums(ratio, np.array([[1.0, 0.0], [2.0, 0.0]])) is None
    assert figure_of_sums(ratio, np.array([[1.0, 2.0]])) == Interval(mean=0.5, low=None, high=None)


def test_the_bounds_of_a_median_are_the_ranks_of_the_binomial_distribution() -> None:
    # Of 100 values the 40th and the 61st hold the median with 96.5 %, the 41st and the 60th with 94.3 %.
    values = list(range(1, 101))
    random.Random(0).shuffle(values)
    low, median, high = values_of(quantile_over_problems(values, range(100), 0.5))
    assert median == 50.5
    assert 40 < low < 41
    assert 60 < high < 61


def test_a_95th_percentile_has_an_interval_from_72_independent_jobs_on() -> None:
    assert quantile_over_problems(range(71), range(71), 0.95).bounds is None
    assert quantile_over_problems(range(73), range(73), 0.95).bounds is not None
    assert quantile_over_problems(range(73), range(73), 0.05).bounds is not None


def test_few_problems_bound_no_median_however_often_they_are_repeated() -> None:
    values, problems = np.repeat(range(6), 4), np.repeat(range(6), 4)
    assert quantile_over_problems(range(6), range(6), 0.5).bounds is not None  # 0.5 ** 6 is below 2.5 %
    assert quantile_over_problems(values, problems, 0.5).bounds is None


def test_the_variance_of_a_difference_is_not_cut_at_one() -> None:
    # One won and one lost, with half a problem added to each outcome: (2 + 2 / 2) / 4.
    assert variance_of_difference([1, -1], [1, 1]) == pytest.approx(0.75)
    assert difference_of_shares([1, -1], [1, 1]).bounds == (-1.0, 1.0)


def test_repeats_that_always_agree_do_not_narrow_a_quantile() -> None:
    single = quantile_over_problems(range(100), range(100), 0.5)
    many = quantile_over_problems(np.repeat(range(100), 8), np.repeat(range(100), 8), 0.5)
    assert values_of(many) == pytest.approx(values_of(single), abs=1.0)


def test_problems_may_have_any_names() -> None:
    counts, sums = sums_by_problem(["b", "a", "b"], [1.0, 5.0, 2.0])  # type: ignore[arg-type]
    assert (counts.tolist(), sums.tolist()) == ([1, 2], [5.0, 3.0])
    assert mean_of_cases([1.0, 5.0, 2.0], [7, -1, 7]).mean == pytest.approx(8 / 3)
