"""Rows of the datasets' shapes become problems whose gold answers are right against themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from specreason.demo.exercises import exercises
from specreason.errors import InputError, InvalidField
from specreason.grading.exercises import exercise_of
from specreason.grading.grading import grade
from specreason.named_datasets.hub_problems import problems_of
from specreason.named_datasets.opening import open_dataset
from specreason.named_datasets.pins import pins
from specreason.named_datasets.values import NamedProblems

# Rows of our own, with the columns that the pinned files have.
ROWS: dict[str, list[Mapping[str, Any]]] = {
    "aime-2024": [
        {
            "id": 60,
            "problem": "How many of the numbers 1, …, 999 are odd and below 410?",
            "solution": r"They are $1, 3, …, 409$: $\boxed{205}$ numbers.",
            "answer": "205",
            "url": "none",
            "year": "2024",
        },
        {
            "id": 61,
            "problem": "What is $5^2$?",
            "solution": "25.",
            "answer": "025",
            "url": "none",
            "year": "2024",
        },
    ],
    "aime-2025": [{"problem": "What is $2^{10} - 324$?", "answer": "700", "id": "0"}],
    "math-500": [
        {
            "problem": "Where do $y = x$ and $y = 2 - x$ meet?",
            "solution": r"At $\boxed{\left( 1, \frac{2}{2} \right)}$.",
            "answer": r"\left( 1, \frac{2}{2} \right)",
            "subject": "Algebra",
            "level": 2,
            "unique_id": "test/algebra/1.json",
        },
        {
            "problem": "When does it start?",
            "solution": r"At $\boxed{\text{10:30 a.m.}}$",
            "answer": r"\text{10:30 a.m.}",
            "subject": "Prealgebra",
            "level": 1,
            "unique_id": "test/prealgebra/2.json",
        },
    ],
    "gsm8k": [
        {
            "question": "A box holds 12 eggs. How many do 100 boxes hold?",
            "answer": "They hold 12 * 100 = <<12*100=1200>>1200 eggs.\n#### 1,200",
        },
        {"question": "And one box?", "answer": "It holds 12.\n#### 12"},
    ],
}


def problems(name: str, rows: list[Mapping[str, Any]] | None = None) -> NamedProblems:
    return problems_of(
        name,
        pins()[name],
        list(ROWS[name] if rows is None else rows),
        file_sha256="f" * 64,
        revision=None,
        seed=0,
    )


@pytest.mark.parametrize("name", list(ROWS))
def test_each_gold_answer_grades_right_against_itself_and_wrong_against_the_next(name: str) -> None:
    golds = [row["answer"] for row in problems(name).rows]
    assert all(grade(gold, gold).is_correct for gold in golds)
    assert not any(grade(one, other).is_correct for one, other in pairwise(golds))


def test_a_solution_that_holds_the_gold_answer_is_kept_with_the_problem() -> None:
    first = problems("gsm8k").rows[0]
    assert first["answer"] == "1,200"
    assert first["solution"] == ROWS["gsm8k"][0]["answer"]
    assert first["id"] == "gsm8k-0"


def test_other_columns_are_kept_with_the_problem_under_their_names() -> None:
    first = problems("math-500").rows[0]
    assert first["id"] == "test/algebra/1.json"
    assert (first["subject"], first["level"]) == ("Algebra", 2)
    assert "unique_id" not in first


def test_a_file_with_other_columns_is_refused_by_the_column_that_it_lacks() -> None:
    with pytest.raises(InputError, match="'question'"):
        problems("gsm8k", [{"problem": "1 + 1?", "answer": "2"}])


def test_a_batch_remembers_name_commit_and_both_hashes() -> None:
    metadata = problems("math-500").metadata
    assert metadata["dataset"] == "math-500"
    assert metadata["dataset_revision"] == pins()["math-500"].revision
    assert metadata["dataset_file_sha256"] == "f" * 64
    assert "dataset_seed" not in metadata
    fewer = problems("math-500", ROWS["math-500"][:1]).metadata
    assert fewer["dataset_sha256"] != metadata["dataset_sha256"]


def test_a_commit_of_the_users_own_is_remembered_and_said_to_be_unchecked() -> None:
    own = "0" * 40
    found = problems_of("gsm8k", pins()["gsm8k"], ROWS["gsm8k"], file_sha256="a" * 64, revision=own, seed=0)
    assert found.metadata["dataset_revision"] == own
    assert own in found.remarks[0]


def opened(limit: int | None, seed: int = 0) -> NamedProblems:
    return open_dataset("demo", limit=limit, seed=seed, announce=lambda line: None)


def test_the_demo_problems_are_the_bundled_ones_and_then_others_that_are_solved_rightly() -> None:
    bundled, more = opened(None), opened(200, seed=5)
    assert (len(bundled.rows), len(more.rows)) == (24, 200)
    assert more.rows[:24] == bundled.rows
    texts = [row["problem"] for row in more.rows]
    assert len(set(texts)) == 200
    for row in more.rows:
        exercise = exercise_of(row["problem"])
        assert exercise is not None
        assert exercise.answer == row["answer"]
        # None of them was ever trained on.
        assert exercise.held_out


def test_more_demo_problems_begin_with_fewer_and_depend_on_the_seed() -> None:
    assert opened(60).rows[:40] == opened(40).rows
    assert opened(40, seed=1).rows != opened(40).rows
    assert opened(10, seed=1).metadata == opened(10).metadata


def test_a_problem_that_is_bundled_does_not_come_again_from_the_generator() -> None:
    # The generator begins with a bundled problem under this seed.
    seed = 24
    texts = [row["problem"] for row in opened(26, seed).rows]
    assert next(exercises(seed, held_out=True)).text in texts[:24]
    assert len(set(texts)) == 26


def test_the_problems_as_a_file_are_one_object_a_line() -> None:
    lines = opened(3).jsonl.decode().splitlines()
    assert [json.loads(line) for line in lines] == list(opened(3).rows)
    assert opened(3).filename == "demo.jsonl"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(InvalidField, match="--limit"):
        opened(limit)
