"""pass@1, pass@k and majority@k."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import prod
from statistics import fmean

import pytest

from specreason.evaluation.repeats import (
    Answer,
    each_k,
    majority_at,
    pass_at,
    pass_at_1,
    voting,
)
from specreason.grading.votes import vote_of


def passing(grades: Sequence[bool], k: int) -> float:
    """pass@k of one problem."""
    (at_k,) = pass_at([grades], [k])
    return at_k.share.mean


def majority(repeats: Sequence[Answer], k: int) -> float:
    (at_k,) = majority_at([repeats], [k])
    return at_k.share.mean


def answers(text: str, right: str = "a") -> list[Answer]:
    """One answer per letter; a dot is none."""
    return [Answer(vote=None if c == "." else c, is_correct=c == right) for c in text]


def by_counting(repeats: Sequence[Answer], k: int) -> float:
    """majority@k by the definition: every choice of k, and every leader of each."""
    chances = []
    for chosen in combinations(repeats, k):
        votes = Counter(a.vote for a in chosen if a.vote is not None)
        leaders = [vote for vote, n in votes.items() if n == max(votes.values())]
        chances.append(fmean(vote == "a" for vote in leaders) if leaders else 0.0)
    return fmean(chances)


def test_pass_at_1_is_the_share_of_right_jobs() -> None:
    found = pass_at_1([[True, False], [True, True], [], [False]])
    assert found is not None
    assert found.mean == pytest.approx(3 / 5)


def test_nothing_graded_has_no_pass_at_1() -> None:
    assert pass_at_1([]) is None
    assert pass_at_1([[], []]) is None


@pytest.mark.parametrize(("n", "c", "k"), [(200, 20, 100), (200, 1, 10), (16, 3, 4), (5, 5, 2), (10, 0, 10)])
def test_pass_at_k_is_that_of_the_code_of_chen_et_al(n: int, c: int, k: int) -> None:
    """Evaluating Large Language Models Trained on Code, 2021, figure 3."""
    published = 1.0 if n - c < k else 1.0 - prod(1.0 - k / i for i in range(n - c + 1, n + 1))
    assert passing([True] * c + [False] * (n - c), k) == pytest.approx(published)


def test_pass_at_k_by_hand() -> None:
    # Of the 10 choices of 3 among 5, one misses both right answers; the other problem has none.
    (at_3,) = pass_at([[True, True, False, False, False], [False] * 5], [3])
    assert at_3.share.mean == pytest.approx(0.45)


def test_problems_with_fewer_than_k_repeats_are_left_out_and_counted_so() -> None:
    (found,) = pass_at([[True, False], [True] * 4, [False] * 4], [4])
    assert (found.num_problems, found.num_jobs, found.share.mean) == (2, 8, 0.5)
    assert pass_at([[True], []], [2]) == ()
    assert majority_at([answers("a")], [2]) == ()
    first, second = majority_at([answers("aaab"), answers("bb")], [2, 4])
    assert (first.num_problems, first.num_jobs, second.num_problems, second.num_jobs) == (2, 6, 1, 4)


def test_k_goes_up_to_the_most_repeats() -> None:
    assert each_k([[True] * 16]) == [1, 2, 4, 8, 16]
    assert each_k([[True] * 6, [False] * 3]) == [1, 2, 4, 6]
    assert [at.num_problems for at in pass_at([[True] * 6, [False] * 3], [1, 2, 4, 6])] == [2, 2, 1, 1]
    assert each_k([[True]]) == [1]
    assert each_k([[]]) == each_k([]) == []


def test_pass_at_k_grows_with_k() -> None:
    problems = [[True] + [False] * 7, [False] * 8, [True] * 8]
    shares = [at.share.mean for at in pass_at(problems, each_k(problems))]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(3 / 8)
    assert shares[-1] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "k", "chance"),
    [
        ("aab", 3, 1.0),
        ("aab", 2, 2 / 3),  # aa wins; twice a and b tie
        ("aab", 1, 2 / 3),
        ("abc", 3, 1 / 3),
        ("a..", 3, 1.0),
        ("...", 2, 0.0),
        ("bbb", 2, 0.0),
        ("aabb", 4, 0.5),
    ],
)
def test_the_majority_by_hand(text: str, k: int, chance: float) -> None:
    assert majority(answers(text), k) == pytest.approx(chance)


def test_the_majority_is_the_mean_over_every_choice() -> None:
    chance = random.Random(0)
    for _ in range(40):
        repeats = answers("".join(chance.choices("aabbcd.", k=chance.randint(1, 9))))
        k = chance.randint(1, len(repeats))
        assert majority(repeats, k) == pytest.approx(by_counting(repeats, k))


def test_answers_that_are_equal_in_value_vote_together() -> None:
    given = [("0.5", True), ("2", False), (r"\frac{1}{2}", True), ("2.0", False), ("3", False)]
    repeats = [voting(answer, is_correct, vote_of) for answer, is_correct in given]
    assert majority(repeats, 5) == 0.5
    assert majority([*repeats, voting("4/2", False, vote_of)], 6) == 0.0


def test_right_answers_vote_together_and_a_run_without_an_answer_for_nothing() -> None:
    given = [("50%", True), ("1/2", True), ("half", True), ("2", False), ("2", False), (None, False)]
    assert majority([voting(*each, vote_of) for each in given], 6) == 1.0


def test_a_majority_needs_no_luck_with_many_repeats() -> None:
    problems = [answers("a" * 9 + "b" * 7), answers("b" * 9 + "a" * 7)]
    assert [at.share.mean for at in majority_at(problems, each_k(problems))] == pytest.approx([0.5] * 5)


def test_as_many_repeats_as_there_may_be_have_a_majority() -> None:
    problem = answers("a" * 600 + "b" * 300 + "c" * 124)
    found = majority_at([problem], [1, 2, 512, 1024])
    assert [at.share.mean for at in found] == pytest.approx([600 / 1024, 600 / 1024, 1.0, 1.0])
