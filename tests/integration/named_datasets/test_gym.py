"""Problems of reasoning-gym: the same ones in every process, and graded as by the package's own scorers."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

import pytest

from specreason.children import spawn
from specreason.errors import ExtraMissing, InputError, InvalidField
from specreason.grading.grading import grade
from specreason.named_datasets import gym
from specreason.named_datasets.opening import open_dataset
from specreason.named_datasets.values import NamedProblems
from specreason.submission.gold import gold_of
from tests.support.messages import names, naming

reasoning_gym = pytest.importorskip("reasoning_gym", reason="`make test` installs requirements/datasets.txt")

# Tasks of each kind: numbers, fractions, formulas, words, lists, grids, letters, times, digits in a base.
AS_THEIRS = (
    "aiw",
    "arc_1d",
    "base_conversion",
    "basic_arithmetic",
    "bf",
    "binary_alternation",
    "binary_matrix",
    "bitwise_arithmetic",
    "calendar_arithmetic",
    "chain_sum",
    "coin_flip",
    "color_cube_rotation",
    "count_bits",
    "count_primes",
    "course_schedule",
    "decimal_arithmetic",
    "dice",
    "family_relationships",
    "fraction_simplification",
    "gcd",
    "gsm_symbolic",
    "isomorphic_strings",
    "kakurasu",
    "largest_island",
    "lcm",
    "leg_counting",
    "letter_counting",
    "manipulate_matrix",
    "maze",
    "mini_sudoku",
    "n_queens",
    "number_filtering",
    "number_sequence",
    "path_star",
    "power_function",
    "prime_factorization",
    "products",
    "ransom_note",
    "rotate_matrix",
    "self_reference",
    "simple_equations",
    "spell_backward",
    "spiral_matrix",
    "string_synthesis",
    "sudoku",
    "syllogism",
    "word_sequence_reversal",
    "word_sorting",
)
# Their scorers accept any solution, and there is no gold answer.
WITHOUT_GOLD = ("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour")
NUM_PROBLEMS = 4


def items_of(task: str) -> tuple[Any, list[dict[str, Any]]]:
    """The task's dataset, which scores answers, and its first problems."""
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = reasoning_gym.create_dataset(task, size=NUM_PROBLEMS, seed=3)
        return dataset, [dataset[index] for index in range(NUM_PROBLEMS)]


@pytest.mark.parametrize("task", AS_THEIRS)
def test_our_grader_judges_gold_answers_and_those_of_other_problems_as_the_scorer_does(task: str) -> None:
    dataset, items = items_of(task)
    for place, item in enumerate(items):
        gold = gold_of(item["answer"]).text
        assert gold is not None
        for answer in (item["answer"], items[place - 1]["answer"]):
            theirs = dataset.score_answer(answer, item) == 1
            assert grade(answer, gold).is_correct is theirs, (answer, gold)


@pytest.mark.parametrize("task", WITHOUT_GOLD)
def test_a_task_without_gold_answers_is_said_to_have_none(task: str) -> None:
    found = opened(task, 2)
    assert [row["answer"] for row in found.rows] == [None, None]
    assert names(found.remarks[0], "2 problems", "no gold answer", task)


def opened(task: str, limit: int, seed: int = 3) -> NamedProblems:
    return open_dataset(f"reasoning-gym:{task}", limit=limit, seed=seed, announce=lambda line: None)


@pytest.mark.parametrize("task", ["ransom_note", "list_functions"])
def test_a_seed_gives_the_same_problems_in_every_process(task: str) -> None:
    # One of them goes through sets of text, the other draws from the process's own random numbers.
    assert opened(task, 6) == opened(task, 6)
    assert opened(task, 6).rows[:3] == opened(task, 3).rows
    assert opened(task, 6, seed=4).rows != opened(task, 6).rows


def test_a_task_that_prints_leaves_standard_output_to_data(capfd: pytest.CaptureFixture[str]) -> None:
    rows = opened("bf", 3).rows
    assert len(rows) == 3
    assert capfd.readouterr().out == ""


def test_a_maker_that_is_killed_in_the_middle_of_a_problem_is_a_failure_of_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dying(module: str, *arguments: str, **options: Any) -> Any:
        half = f'import os; os.write({arguments[-1]}, b\'{{"problem": "2 + 2?", "ans\')'
        return spawn([sys.executable, "-c", half], **options)

    monkeypatch.setattr(gym, "spawn_module", dying)
    with pytest.raises(InputError, match=naming("chain_sum", "has failed")):
        opened("chain_sum", 2)


def test_a_batch_remembers_task_version_and_seed() -> None:
    metadata = opened("chain_sum", 2).metadata
    assert metadata["dataset"] == "reasoning-gym:chain_sum"
    assert metadata["dataset_revision"] == gym.package_version()
    assert metadata["dataset_seed"] == 3


def test_a_misspelt_task_is_answered_with_the_near_one() -> None:
    with pytest.raises(
        InvalidField, match=naming("did you mean", "chain_sum", "specreason datasets reasoning-gym")
    ):
        opened("chainsum", 2)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gym, "PACKAGE", "reasoning_gym_that_is_not_here")
    with pytest.raises(ExtraMissing, match=naming("specreason[datasets]")):
        opened("chain_sum", 2)
