"""Options become letters, and none of these is right more often than another."""

from __future__ import annotations

from collections import Counter

import pytest

from specreason.errors import InputError
from specreason.named_datasets.choices import LETTERS, OPTIONS, RIGHT, has_equal_options, lettered

NUM_ROWS = 4_000


def made_up(number: int) -> dict[str, str]:
    texts = {column: f"{column} of {number}" for column in OPTIONS}
    return {"Question": f"What is {number}?", "Record ID": f"rec{number}", "Subdomain": "Numbers", **texts}


ROWS = [made_up(number) for number in range(NUM_ROWS)]


def test_each_letter_is_right_equally_often() -> None:
    counts = Counter(lettered(row, seed=0)["answer"] for row in ROWS)
    # 4.4 standard deviations of a fair choice.
    assert all(abs(counts[letter] - NUM_ROWS / 4) < 120 for letter in LETTERS), counts


def test_each_wrong_option_stands_at_each_letter_equally_often() -> None:
    counts = Counter(
        (letter, column)
        for row in ROWS
        for letter, column in zip(LETTERS, lettered(row, 0)["options_from"], strict=True)
    )
    assert all(abs(counts[letter, column] - NUM_ROWS / 4) < 120 for letter in LETTERS for column in OPTIONS)


def test_the_stored_order_leads_back_to_the_options_of_the_dataset() -> None:
    for row in ROWS[:50]:
        problem = lettered(row, seed=3)
        assert sorted(problem["options_from"]) == sorted(OPTIONS)
        for letter, column in zip(LETTERS, problem["options_from"], strict=True):
            assert f"\n{letter}. {row[column]}\n" in problem["problem"]
        assert problem["options_from"][LETTERS.index(problem["answer"])] == RIGHT


def test_the_order_depends_on_seed_and_row_and_on_no_other_row() -> None:
    whole = [lettered(row, seed=0) for row in ROWS[:100]]
    assert whole[40:60] == [lettered(row, seed=0) for row in ROWS[40:60]]
    assert [each["answer"] for each in whole] != [lettered(row, seed=1)["answer"] for row in ROWS[:100]]


def test_the_problem_begins_with_the_question_and_names_four_letters_in_order() -> None:
    text = lettered(ROWS[0], seed=0)["problem"]
    assert text.startswith("What is 0?\n\nA. ")
    assert [line[:2] for line in text.splitlines()[2:6]] == ["A.", "B.", "C.", "D."]


@pytest.mark.parametrize("column", ["Question", "Record ID", *OPTIONS])
def test_a_row_without_one_of_its_columns_is_refused_by_the_column(column: str) -> None:
    with pytest.raises(InputError, match=column):
        lettered({**ROWS[0], column: " "}, seed=0)


def test_two_options_with_one_text_are_noticed() -> None:
    assert not has_equal_options(ROWS[0])
    assert has_equal_options({**ROWS[0], "Incorrect Answer 2": f" {ROWS[0][RIGHT]}\n"})
