"""What an answer votes for: answers that are plainly equal vote together."""

from __future__ import annotations

import pytest

from specreason.grading.votes import LONGEST, vote_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5", r"\frac{1}{2}"),
        ("1,234", "1234"),
        (" 42 ", "42"),
        ("$\\$5$", r"\$5.00"),
        ("Tuesday", "tuesday."),
        ("x + 1", "x+1"),
        ("-0", "0"),
        ("-0.0", "0"),
    ],
)
def test_equal_answers_vote_for_the_same(one: str, other: str) -> None:
    assert vote_of(one) == vote_of(other)


@pytest.mark.parametrize(("one", "other"), [("42", "-42"), ("5 cm", "5 m"), ("x", "y"), ("50%", "50")])
def test_other_answers_do_not(one: str, other: str) -> None:
    assert vote_of(one) != vote_of(other)


def test_a_long_or_monstrous_answer_votes_for_its_own_text() -> None:
    assert vote_of("x" * (LONGEST + 1)) == "x" * (LONGEST + 1)
    assert vote_of("9^{9^{9^9}}") == "9^{9^{9^9}}"
    assert vote_of("2^{20000}") == "2^{20000}"  # 6,021 digits
