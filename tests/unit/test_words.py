"""Numbers with their nouns, and suggestions for names that are misspelt."""

from __future__ import annotations

import pytest

from specreason.client.values import STATES
from specreason.config import RunConfig, SchemeName
from specreason.words import LONGEST_SHOWN, counted, nearest, none_of, shown, unknown_key, unknown_parameter
from tests.support.messages import names


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "problem", "1 problem"),
        (0, "job", "0 jobs"),
        (2, "batch", "2 batches"),
        (1, "batch", "1 batch"),
        (12_345, "token", "12,345 tokens"),
        (3, "blank line", "3 blank lines"),
    ],
)
def test_a_noun_is_singular_for_one_and_plural_for_any_other_number(
    number: int, noun: str, words: str
) -> None:
    assert counted(number, noun) == words


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("treshold", RunConfig.model_fields, "threshold"),
        ("score-method", RunConfig.model_fields, "score_method"),
        ("sucess", STATES, "succeeded"),
        ("Failed", STATES, "failed"),
        ("specreson", SchemeName, "specreason"),
        ("opne", ("open", "limit"), "open"),
    ],
)
def test_a_misspelt_name_is_understood(given: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(given, known) == meant


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("oracle", RunConfig.model_fields),
        ("colour", ("problem", "answer", "id", "source")),
        (5, STATES),
        ("", STATES),
    ],
)
def test_a_name_that_resembles_none_suggests_none(given: object, known: tuple[str, ...]) -> None:
    assert nearest(given, known) is None


def test_a_value_that_is_none_of_the_choices_names_them_all_and_the_nearest() -> None:
    assert names(
        none_of("sucess", STATES), *(f"'{state}'" for state in STATES), "'sucess'", "mean 'succeeded'"
    )
    assert "mean" not in none_of("magic", STATES)
    assert none_of(5, ["answer"]) == "must be 'answer', not 5"


def test_an_unknown_key_suggests_the_nearest_or_lists_a_few() -> None:
    assert names(unknown_key("anwser", ("problem", "answer")), "'answer'")
    assert names(unknown_key("colour", ("problem", "answer")), "problem, answer")
    assert unknown_key("oracle", RunConfig.model_fields) == "unknown key"


def test_an_unknown_parameter_of_a_path_without_any_says_so() -> None:
    assert names(unknown_parameter("opne", ("limit", "open")), "'open'")
    assert names(unknown_parameter("opne", ()), "none")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "null"), (True, "true"), (False, "false"), ("x", "'x'"), (1.5, "1.5")]
)
def test_a_value_is_quoted_as_the_user_wrote_it(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 10_000)) <= LONGEST_SHOWN
    assert len(shown(["x" * 10_000] * 100)) <= LONGEST_SHOWN
    assert nearest("x" * 1_000_000, STATES) is None
