"""Spearman's rank correlation, with an interval over problems."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from specreason.evaluation.bounds import students
from specreason.evaluation.rewards.correlation import spearman


def scores(seed: int, m: int = 30, k: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits, of which many are equal, and numbers that agree with them in part; steps of a problem are alike."""
    chance = np.random.default_rng(seed)
    common = chance.normal(size=(m, 1))
    ours = np.clip(np.round(6 + common + chance.normal(size=(m, k))), 0, 9)
    theirs = 0.5 * ours + common + chance.normal(size=(m, k))
    return ours.ravel(), theirs.ravel(), np.repeat(np.arange(m), k)


@pytest.mark.parametrize("seed", range(5))
def test_rho_is_scipys_also_where_scores_are_equal(seed: int) -> None:
    ours, theirs, problems = scores(seed)
    found = spearman(ours, theirs, problems)
    assert found is not None
    assert found.mean == pytest.approx(float(stats.spearmanr(ours, theirs)[0]), abs=1e-12)
    turned = spearman(theirs, ours, problems)
    assert turned is not None
    assert (turned.mean, turned.low, turned.high) == pytest.approx((found.mean, found.low, found.high))
    against = spearman(-ours, theirs, problems)
    assert against is not None
    assert against.bounds is not None
    assert found.bounds is not None
    assert (against.mean, *against.bounds) == pytest.approx((-found.mean, -found.bounds[1], -found.bounds[0]))


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_leaving_out_each_problem_once(seed: int) -> None:
    """With a hundred problems the jackknife and its derivative hardly differ."""
    ours, theirs, problems = scores(seed, m=100, k=4)
    found = spearman(ours, theirs, problems)
    assert found is not None
    assert found.bounds is not None
    without = np.array(
        [float(stats.spearmanr(ours[problems != p], theirs[problems != p])[0]) for p in range(100)]
    )
    influence = 99 * (without.mean() - without)
    error = influence.std(ddof=1) / 10
    half = students(influence) * error / (1 - found.mean**2)
    expected = [math.tanh(math.atanh(found.mean) + sign * half) for sign in (-1, 1)]
    assert found.bounds == pytest.approx(expected, abs=0.01)


def test_steps_of_a_problem_are_one_case_however_many_they_are() -> None:
    """Each step three times over tells nothing new."""
    ours, theirs, problems = scores(7)
    once = spearman(ours, theirs, problems)
    thrice = spearman(np.repeat(ours, 3), np.repeat(theirs, 3), np.repeat(problems, 3))
    assert once is not None
    assert thrice is not None
    assert (thrice.mean, thrice.low, thrice.high) == pytest.approx((once.mean, once.low, once.high))


@pytest.mark.parametrize(
    ("ours", "theirs"), [([], []), ([3.0], [0.5]), ([7, 7, 7], [0.1, 0.2, 0.3]), ([1, 2, 3], [0.5, 0.5, 0.5])]
)
def test_there_is_no_rho_without_two_different_scores_of_each_kind(
    ours: list[float], theirs: list[float]
) -> None:
    assert spearman(ours, theirs, list(range(len(ours)))) is None


def test_one_problem_or_perfect_agreement_has_no_interval() -> None:
    ours, theirs, problems = scores(3)
    one = spearman(ours, theirs, np.zeros_like(problems))
    perfect = spearman(theirs, 2 * theirs, problems)
    assert one is not None
    assert one.bounds is None
    assert perfect is not None
    assert (perfect.mean, perfect.bounds) == (pytest.approx(1), None)
