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
    AtK,
    majority_at_each_k,
    majority_at_k,
    pass_at_1,
    pass_at_each_k,
    pass_at_k,
)
from specreason.grading.grading import grade


def mean_of(at_k: AtK | None) -> float:
    assert at_k is not None
    return at_k.share.mean


def answers(text: str, right: str = "a") -> list[Answer]:
    """One answer per letter; a dot is none."""
    return [Answer(text=None if c == "." else c, is_correct=c == right) for c in text]


def same(ours: str, theirs: str) -> bool:
    return ours.lower() == theirs.lower()


def by_counting(repeats: Sequence[Answer], k: int) -> float:
    """majority@k by the definition: every choice of k, and every leader of each."""
    chances = []
    for chosen in combinations(repeats, k):
        votes = Counter(a.text.lower() for a in chosen if a.text is not None)
        leaders = [text for text, n in votes.items() if n == max(votes.values())]
        chances.append(fmean(text == "a" for text in leaders) if leaders else 0.0)
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
    assert mean_of(pass_at_k([[True] * c + [False] * (n - c)], k)) == pytest.approx(published)


def test_pass_at_k_by_hand() -> None:
    # Of the 10 choices of 3 among 5, one misses both right answers; the other problem has none.
    assert mean_of(pass_at_k([[True, True, False, False, False], [False] * 5], 3)) == pytest.approx(0.45)


def test_problems_with_fewer_than_k_repeats_are_left_out_and_counted_so() -> None:
    found = pass_at_k([[True, False], [True] * 4, [False] * 4], 4)
    assert found is not None
    assert (found.num_problems, found.share.mean) == (2, 0.5)
    assert pass_at_k([[True], []], 2) is None
    assert majority_at_k([answers("a")], 2, same) is None


def test_pass_at_each_k_goes_up_to_the_most_repeats() -> None:
    assert [at.k for at in pass_at_each_k([[True] * 16])] == [1, 2, 4, 8, 16]
    assert [at.k for at in pass_at_each_k([[True] * 6, [False] * 3])] == [1, 2, 4, 6]
    assert [at.num_problems for at in pass_at_each_k([[True] * 6, [False] * 3])] == [2, 2, 1, 1]
    assert [at.k for at in pass_at_each_k([[True]])] == [1]
    assert pass_at_each_k([[]]) == pass_at_each_k([]) == ()


def test_pass_at_k_grows_with_k() -> None:
    shares = [at.share.mean for at in pass_at_each_k([[True] + [False] * 7, [False] * 8, [True] * 8])]
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
    assert mean_of(majority_at_k([answers(text)], k, same)) == pytest.approx(chance)


def test_the_majority_is_the_mean_over_every_choice() -> None:
    chance = random.Random(0)
    for _ in range(40):
        repeats = answers("".join(chance.choices("aabbcd.", k=chance.randint(1, 9))))
        k = chance.randint(1, len(repeats))
        assert mean_of(majority_at_k([repeats], k, same)) == pytest.approx(by_counting(repeats, k))


def test_answers_that_are_equal_in_value_vote_together() -> None:
    repeats = [Answer(text=t, is_correct=t in "aA") for t in ("a", "b", "A", "c", "b", "a")]
    assert mean_of(majority_at_k([repeats], 6, same)) == 1.0


def test_the_projects_own_grader_says_which_answers_are_equal() -> None:
    repeats = [Answer(text=t, is_correct=t != "2") for t in ("0.5", "2", "\\frac{1}{2}", "2", "50\\%")]
    assert mean_of(majority_at_k([repeats], 5, lambda ours, theirs: grade(ours, theirs).is_correct)) == 1.0


def test_equal_texts_are_not_compared_again() -> None:
    asked = []

    def remember(ours: str, theirs: str) -> bool:
        asked.append((ours, theirs))
        return False

    majority_at_each_k([answers("abcabcabc")], remember)
    assert asked == [("b", "a"), ("c", "a"), ("c", "b")]


def test_an_answer_whose_grades_differ_is_right_in_part() -> None:
    repeats = [Answer(text="a", is_correct=True), Answer(text="A", is_correct=False)]
    assert mean_of(majority_at_k([repeats], 2, same)) == 0.5


def test_a_majority_needs_no_luck_with_many_repeats() -> None:
    found = majority_at_each_k([answers("a" * 9 + "b" * 7), answers("b" * 9 + "a" * 7)], same)
    assert [at.k for at in found] == [1, 2, 4, 8, 16]
    assert [at.share.mean for at in found] == pytest.approx([0.5] * 5)
