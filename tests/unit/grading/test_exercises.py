"""Exercises are told from other problems by their text, and the drafts of a trace are graded by their rules."""

from __future__ import annotations

from itertools import islice

import pytest

from specreason.demo.exercises import exercises
from specreason.grading.exercises import Exercise, Op, exercise_of, grade_drafts

EXERCISE = Exercise(47, (Op("add", 8), Op("multiply", 6), Op("subtract", 9)))
TEXT = EXERCISE.text


@pytest.mark.parametrize("held_out", [True, False])
def test_every_exercise_is_found_from_its_text(held_out: bool) -> None:
    for exercise in islice(exercises(5, held_out=held_out), 50):
        assert exercise_of(exercise.text) == exercise


@pytest.mark.parametrize(
    "text",
    [
        "What is 2 + 2?",
        f"{TEXT} ",
        f"Please solve this. {TEXT}",
        TEXT.replace("47", "4 7"),
        TEXT.replace("A: ", "B: ", 1),
        TEXT.replace("add", "divide"),
        TEXT.replace(" C: subtract 9.", " D: subtract 9."),
        "Start with 47. Keep two digits at every step. What is the result?",
        "",
    ],
)
def test_any_other_text_is_none(text: str) -> None:
    assert exercise_of(text) is None


def kinds(*steps: tuple[str | None, str]) -> list[str | None]:
    return [None if grade is None else grade.kind for grade in grade_drafts(EXERCISE, steps)]


def test_each_draft_is_graded_behind_the_steps_that_were_kept() -> None:
    right = "Step B: 55 times 6 is 30.\n\n"
    correction = "Wait, step C should be: 30 minus 9 is 21.\n\n"
    closing = "That was the last step, so the result is 21.\n</think>"
    found = kinds(
        ("Step A: 47 plus 8 is 55.\n\n", "Step A: 47 plus 8 is 55.\n\n"),
        ("Step B: 55 times 6 is 31.\n\n", right),  # rejected, and written again
        ("Step C: 30 minus 9 is 22.\n\n", "Step C: 30 minus 9 is 22.\n\n"),  # passed
        (closing, correction),
        (None, closing),
    )
    assert found == ["right", "one_digit", "one_digit", "early_close", None]


def test_a_step_of_several_sentences_is_as_good_as_its_first_wrong_one() -> None:
    both = "Step A: 47 plus 8 is 55.\n\nStep B: 55 times 6 is 30.\n\n"
    assert kinds((both, both), ("C: 30 minus 9 = 21.\n\n",) * 2) == ["right", "terse"]
    wrong = both.replace("30", "99")
    assert kinds((wrong, both), ("C: 30 minus 9 = 21.\n\n",) * 2) == ["two_digits", "terse"]


def test_what_follows_a_closed_thinking_or_is_empty_is_garbled() -> None:
    assert kinds(("</think>", "</think>"), ("", "")) == ["garbled", "garbled"]
