"""Two runs compared problem by problem. That the tests keep their level is shown in `tests/simulation`."""

from __future__ import annotations

import random
from itertools import product

import pytest

from specreason.evaluation.pairing import bootstrap_p, mcnemar_p


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [
        (9, 2, 0.06543),  # Fay, vignette of the R package exact2x2
        (10, 2, 158 / 4096),
        (0, 5, 2 / 32),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemars_test_is_exact_and_two_sided(won: int, lost: int, p: float) -> None:
    assert mcnemar_p(won, lost) == pytest.approx(p, abs=1e-5)
    assert mcnemar_p(lost, won) == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize(("won", "lost"), [(9, 2), (14, 6), (30, 22), (1, 0)])
def test_with_single_repeats_the_bootstrap_agrees_with_mcnemar(won: int, lost: int) -> None:
    differences = [1] * won + [-1] * lost + [0] * 50
    assert bootstrap_p(differences) == pytest.approx(mcnemar_p(won, lost))


def test_the_bootstrap_counts_by_how_much_a_problem_is_won() -> None:
    # Eight problems won by four repeats each, eight lost by one: the signs alone say nothing.
    differences = [4] * 8 + [-1] * 8
    assert mcnemar_p(8, 8) == 1.0
    assert bootstrap_p(differences) < 0.05


def test_the_bootstrap_is_the_share_of_signs_that_do_as_well() -> None:
    # Of the 8 signs of 1, 2 and 4 two reach a sum of 7, and four one of 5 and more.
    assert bootstrap_p([1, 2, 4]) == pytest.approx(2 / 8)
    assert bootstrap_p([-1, 2, 4]) == pytest.approx(4 / 8)


def test_the_bootstrap_counts_every_choice_of_signs() -> None:
    chance = random.Random(0)
    for _ in range(20):
        differences = chance.choices(range(-4, 6), k=8)
        sums = [
            sum(d * s for d, s in zip(differences, signs, strict=True))
            for signs in product((1, -1), repeat=8)
        ]
        as_large = sum(abs(total) >= abs(sum(differences)) for total in sums)
        assert bootstrap_p(differences) == pytest.approx(as_large / 256)


def test_a_difference_beyond_doubt_has_a_p_above_zero() -> None:
    assert 0 < bootstrap_p([16] * 500) <= 1e-12
    assert 0 < mcnemar_p(500, 0) <= 1e-12


def test_thousands_of_problems_are_no_harder() -> None:
    assert bootstrap_p([16, -16] * 2500 + [1] * 5) == pytest.approx(1.0, abs=0.02)
