"""The area under the ROC curve, against published values and the definition."""

from __future__ import annotations

import math

import pytest

from specreason.evaluation.intervals import Interval
from specreason.evaluation.ranking import auc, auc_difference
from specreason.evaluation.scientific import np

# Hanley and McNeil (1982), table I: ratings 1 to 5 of 58 normal and 51 abnormal images.
NORMAL, ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)


def images() -> tuple[list[int], list[bool]]:
    ratings = [r for counts in (NORMAL, ABNORMAL) for r, n in enumerate(counts, 1) for _ in range(n)]
    return ratings, [False] * sum(NORMAL) + [True] * sum(ABNORMAL)


def standard_error(interval: Interval, quantile: float) -> float:
    assert interval.low is not None
    assert interval.high is not None
    logits = [math.log(p / (1 - p)) for p in (interval.low, interval.high)]
    return (logits[1] - logits[0]) / 2 / quantile * interval.mean * (1 - interval.mean)


def test_the_area_and_its_error_are_the_published_ones_of_independent_cases() -> None:
    """Stata's manual, `roctab`: area 0.8932, standard error 0.0307 (DeLong)."""
    ratings, hits = images()
    found = auc(ratings, hits, range(len(hits)))
    assert found is not None
    assert found.mean == pytest.approx(0.8932, abs=5e-5)
    assert standard_error(found, 2.00856) == pytest.approx(
        0.0307, abs=5e-5
    )  # Student's with 51 clusters of hits


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    found = auc([1, 2, 2, 5], [False, True, False, True], [1, 2, 3, 4])
    assert found is not None
    assert found.mean == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_a_case_written_down_twice_in_its_problem_adds_no_certainty() -> None:
    ratings, hits = images()
    once = auc(ratings, hits, range(len(hits)))
    twice = auc(ratings * 2, hits * 2, [*range(len(hits))] * 2)
    assert once is not None
    assert twice is not None
    assert (twice.low, twice.mean, twice.high) == pytest.approx((once.low, once.mean, once.high))


def test_the_variance_of_clusters_is_that_of_obuchowskis_formulas() -> None:
    chance = np.random.default_rng(5)
    problems = chance.integers(0, 12, 60)
    hits = chance.random(60) < 0.5
    scores = np.round(problems / 6 + hits + chance.normal(size=60), 1)
    x, y = scores[hits], scores[~hits]
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    area, m, n = kernel.mean(), len(x), len(y)
    of_hits = [(kernel.mean(axis=1) - area)[problems[hits] == p].sum() for p in range(12)]
    of_misses = [(kernel.mean(axis=0) - area)[problems[~hits] == p].sum() for p in range(12)]
    hit_clusters, miss_clusters = len(set(problems[hits])), len(set(problems[~hits]))
    s10 = hit_clusters / ((hit_clusters - 1) * m) * sum(v**2 for v in of_hits)
    s01 = miss_clusters / ((miss_clusters - 1) * n) * sum(v**2 for v in of_misses)
    s11 = 12 / 11 * sum(a * b for a, b in zip(of_hits, of_misses, strict=True))
    found = auc(scores, hits, problems)
    assert found is not None
    assert (hit_clusters, miss_clusters) == (12, 12)
    assert standard_error(found, 2.200985) ** 2 == pytest.approx(
        s10 / m + s01 / n + 2 * s11 / (m * n), rel=1e-5
    )


def test_hits_alone_have_no_area() -> None:
    assert auc([1, 2], [True, True], [1, 2]) is None
    assert auc([1, 2], [False, False], [1, 2]) is None
    assert auc([], [], []) is None
    assert auc_difference([], [], [], []) is None


def test_hits_of_one_problem_have_an_area_without_an_interval() -> None:
    found = auc([1, 2, 3, 0], [False, True, True, False], [1, 2, 2, 3])
    assert found == Interval(mean=1.0, low=None, high=None)


def test_a_score_that_never_changes_has_an_area_of_one_half_without_an_interval() -> None:
    found = auc([9] * 10, [True, False] * 5, range(10))
    assert found == Interval(mean=0.5, low=None, high=None)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_order_of_few_cases_may_be_luck(sign: int) -> None:
    scores = [sign * s for s in (1, 2, 3, 4, 5, 6)]
    found = auc(scores, [False] * 3 + [True] * 3, range(6))
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(3.8415 / (3 + 3.8415), abs=1e-4)  # Wilson's for 3 of 3
    assert found.mean == pytest.approx(found.high if sign == 1 else found.low)


def test_two_scores_of_the_same_cases_differ_by_their_areas() -> None:
    ratings, hits = images()
    found = auc_difference(ratings, [-r for r in ratings], hits, range(len(hits)))
    assert found is not None
    assert found.low is not None
    assert found.mean == pytest.approx(2 * 0.8932 - 1, abs=1e-4)
    assert found.low > 0.5


def test_a_score_and_its_logarithm_do_not_differ_in_their_areas_and_have_no_interval() -> None:
    ratings, hits = images()
    found = auc_difference(ratings, [math.log(r) for r in ratings], hits, range(len(hits)))
    assert found == Interval(mean=0.0, low=None, high=None)
