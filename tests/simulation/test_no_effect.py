"""That tests of a difference raise no alarm where there is none, by simulation.

The seeds are fixed. The rule: a p-value lies at or below a level as often as the level says, within three standard
errors of the simulation. Where differences are whole numbers p jumps, and may lie there less often, never more often.
"""

from __future__ import annotations

import math
from functools import lru_cache

import pytest

from specreason.evaluation.pairing import bootstrap_p, mcnemar_p
from specreason.evaluation.scientific import np

LEVELS = (0.01, 0.05, 0.10, 0.50)
PAIRS_OF_RUNS = 2000
one_mcnemar_p = lru_cache(mcnemar_p)


def differences(m: int, k: int, alike: float) -> np.ndarray:
    """By pair of runs and problem: right repeats of the one less those of the other, which has the same chances."""
    chance = np.random.default_rng([m, k, int(10 * alike)])
    shares = chance.beta(alike, alike, (PAIRS_OF_RUNS, m))
    ours, theirs = (chance.binomial(k, shares) for _ in range(2))
    return ours.astype(int) - theirs


def most(level: float) -> float:
    return level + 3 * math.sqrt(level * (1 - level) / PAIRS_OF_RUNS)


def least(level: float) -> float:
    return level - 3 * math.sqrt(level * (1 - level) / PAIRS_OF_RUNS)


def rates(ps: list[float]) -> dict[float, float]:
    return {level: sum(p <= level for p in ps) / len(ps) for level in LEVELS}


@pytest.mark.parametrize(("m", "k", "alike"), [(30, 1, 1.0), (200, 1, 0.3), (200, 4, 1.0), (500, 16, 1.0)])
def test_mcnemars_test_is_never_liberal(m: int, k: int, alike: float) -> None:
    batches = differences(m, k, alike)
    won, lost = (batches > 0).sum(axis=1), (batches < 0).sum(axis=1)
    found = rates(list(map(one_mcnemar_p, won.tolist(), lost.tolist())))
    assert all(rate <= most(level) for level, rate in found.items()), found


def test_mcnemars_test_loses_little_to_whole_numbers_where_many_problems_differ() -> None:
    batches = differences(1000, 1, 1.0)
    won, lost = (batches > 0).sum(axis=1), (batches < 0).sum(axis=1)
    found = rates(list(map(one_mcnemar_p, won.tolist(), lost.tolist())))
    assert all(0.8 * least(level) <= rate <= most(level) for level, rate in found.items()), found


@pytest.mark.parametrize(("m", "k", "alike"), [(30, 1, 1.0), (30, 4, 1.0), (30, 16, 1.0), (100, 2, 0.3)])
def test_the_bootstrap_of_few_whole_numbers_is_never_liberal(m: int, k: int, alike: float) -> None:
    found = rates([bootstrap_p(batch) for batch in differences(m, k, alike)])
    assert all(rate <= most(level) for level, rate in found.items()), found


@pytest.mark.parametrize(("m", "k"), [(200, 16), (100, 16)])
def test_the_bootstrap_of_many_repeats_is_uniform(m: int, k: int) -> None:
    found = rates([bootstrap_p(batch) for batch in differences(m, k, 1.0)])
    assert all(least(level) <= rate <= most(level) for level, rate in found.items()), found
