"""The rules of the demo exercises: writing, grading and spoiling steps must agree with each other."""

import random
from itertools import islice

import pytest

from specreason.demo.exercises import exercises
from specreason.demo.slips import corrupt
from specreason.grading.exercises import (
    Exercise,
    Op,
    SolutionState,
    advance,
    closing,
    correction,
    full_step,
    grade_step,
    right_steps,
    terse_step,
)

PROBLEM = Exercise(47, (Op("add", 8), Op("multiply", 6), Op("subtract", 9)))


def test_values_keep_two_digits_and_count_back_from_a_hundred() -> None:
    assert PROBLEM.values == (47, 55, 30, 21)
    assert Exercise(3, (Op("subtract", 9),)).answer == "94"
    assert Exercise(1, (Op("add", 4),)).answer == "05"


@pytest.mark.parametrize(
    ("state", "text", "score", "kind"),
    [
        (SolutionState(1), "Step B: 55 times 6 is 30.\n\n", 9, "right"),
        (SolutionState(1), "B: 55 times 6 = 30.\n\n", 8, "terse"),
        (SolutionState(1), "Step B: 55 times 6 is 31.\n\n", 6, "one_digit"),
        (SolutionState(1), "Step B: 55 times 6 is 41.\n\n", 4, "two_digits"),
        (SolutionState(1), "Step B: 55 plus 6 is 61.\n\n", 2, "wrong_operation"),
        (SolutionState(1), "Step B: 54 times 6 is 24.\n\n", 2, "wrong_operation"),
        (SolutionState(1), "Step C: 55 minus 9 is 46.\n\n", 2, "wrong_operation"),
        (SolutionState(1), correction(1, 55, PROBLEM.ops[1], 30), 2, "false_alarm"),
        (SolutionState(1), closing(55), 1, "early_close"),
        (SolutionState(1), "Step B: 55 times", 0, "garbled"),
        (SolutionState(1, slipped=True), correction(1, 55, PROBLEM.ops[1], 30), 9, "right"),
        (SolutionState(1, slipped=True), "Step B: 55 times 6 is 30.\n\n", 3, "went_on"),
        (SolutionState(3), closing(21), 9, "right"),
        (SolutionState(3), closing(22), 6, "one_digit"),
        (SolutionState(3), "Step C: 30 minus 9 is 21.\n\n", 1, "not_closing"),
    ],
)
def test_each_kind_of_step_has_its_score(state: SolutionState, text: str, score: int, kind: str) -> None:
    grade = grade_step(PROBLEM, state, text)
    assert (grade.score, grade.kind) == (score, kind)


def test_right_steps_are_right_and_corrupted_ones_are_wrong_everywhere() -> None:
    rng = random.Random(3)
    for exercise in islice(exercises(11, held_out=False, min_ops=2, max_ops=15), 60):
        for done in range(len(exercise.ops) + 1):
            for slipped in (False, True):
                state = SolutionState(done, slipped and done < len(exercise.ops))
                assert all(grade_step(exercise, state, t).right for t in right_steps(exercise, state))
                for _ in range(8):
                    text = corrupt(exercise, state, rng)
                    assert not grade_step(exercise, state, text).right, (exercise, state, text)


def test_a_wrong_step_waits_for_its_correction() -> None:
    wrong = grade_step(PROBLEM, SolutionState(1), "Step B: 55 times 6 is 31.\n\n")
    assert advance(SolutionState(1), wrong) == SolutionState(1, slipped=True)
    mended = grade_step(PROBLEM, SolutionState(1, slipped=True), correction(1, 55, PROBLEM.ops[1], 30))
    assert advance(SolutionState(1, slipped=True), mended) == SolutionState(2)


def test_streams_are_seeded_and_their_sides_are_disjoint() -> None:
    first, again = (list(islice(exercises(5, held_out=True), 30)) for _ in range(2))
    assert first == again
    trained = {p.text for p in islice(exercises(5, held_out=False), 300)}
    assert not trained & {p.text for p in first}
    assert all(8 <= len(p.ops) <= 14 for p in first)


def test_both_forms_of_a_step_read_as_english() -> None:
    assert full_step(0, 47, PROBLEM.ops[0], 55) == "Step A: 47 plus 8 is 55.\n\n"
    assert terse_step(0, 47, PROBLEM.ops[0], 55) == "A: 47 plus 8 = 55.\n\n"
    assert PROBLEM.text == (
        "Start with 47. A: add 8. B: multiply by 6. C: subtract 9. Keep two digits at every step. What is the result?"
    )
