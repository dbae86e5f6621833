"""Answers out of text, and their equality with gold."""

from __future__ import annotations

import pytest

from specreason.evaluation.grading import extract_answer, is_correct


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"The answer is \boxed{42}.", "42"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{3} and then \boxed{4", "3"),
        (r"\boxed{", None),
        ("42", None),
        ("", None),
    ],
)
def test_the_last_complete_box_is_the_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("05", "5"),
        (r"\frac{1}{2}", "0.5"),
        ("204", "204."),
        ("red", "red"),
        (r"(3,\frac{\pi}{2})", r"\left( 3, \frac{\pi}{2} \right)"),
    ],
)
def test_equal_mathematics_is_correct_however_it_is_written(answer: str, gold: str) -> None:
    assert is_correct(answer, gold)


@pytest.mark.parametrize(
    ("answer", "gold"), [("5", "6"), ("red", "blue"), (None, "5"), ("", "5"), (r"\frac{", "5")]
)
def test_another_answer_or_none_is_not_correct(answer: str | None, gold: str) -> None:
    assert not is_correct(answer, gold)
