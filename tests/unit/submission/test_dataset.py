"""What `specreason submit` makes of files, columns and options, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.cli.dataset.choices import grid_of, json_object, run_config, validated
from specreason.cli.dataset.columns import choose_columns, guesses
from specreason.errors import InvalidField
from specreason.submission.datasets import Format
from specreason.submission.problem import DEFAULT_COLUMNS, Columns, problem_of
from tests.support.datasets import read
from tests.support.messages import naming


def test_a_row_of_any_format_names_its_place() -> None:
    (line,) = read(b'{"problem": "a"}').rows
    (row,) = read(b"problem,answer\na,b\n", Format.CSV).rows
    (item,) = read(b'[{"problem": "a"}]').rows
    assert (line.where, row.where, item.where) == ("line 1", "row 1", "item 1")


def choose(columns: str, **given: str) -> tuple[Columns, dict[str, str]]:
    """The chosen columns, and which of them are guesses."""
    chosen = choose_columns(columns.split(), given)
    return chosen, guesses(chosen, given)


def test_columns_called_as_ours_need_no_mapping() -> None:
    assert choose("problem answer url") == (DEFAULT_COLUMNS, {})


def test_the_only_usual_name_is_guessed_and_said() -> None:
    chosen, guessed = choose("question solution uid level")
    assert chosen == Columns(problem="question", answer="solution", id="uid")
    assert guessed == {"problem": "question", "answer": "solution", "id": "uid"}


def test_what_the_user_says_is_no_guess_and_may_be_none() -> None:
    chosen, guessed = choose("question answer", problem="question", answer="")
    assert chosen == Columns(problem="question", answer="", id="id")
    assert not guessed


def test_a_column_that_the_user_does_not_want_is_not_read() -> None:
    chosen, _ = choose("problem answer", answer="")
    problem = problem_of({"problem": "1 + 1?", "answer": "2", "": "x"}, chosen)
    assert (problem.answer, problem.source) == (None, {"answer": "2", "": "x"})


@pytest.mark.parametrize(
    ("columns", "given", "says"),
    [
        ("question prompt", {}, "--problem .*question, prompt"),
        ("text label", {}, "--problem .*text, label"),
        ("question gold target", {}, naming("gold", "target")),
        ("question", {"problem": "qestion"}, "'qestion'.* question"),
    ],
)
def test_columns_that_could_be_several_things_are_listed(
    columns: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidField, match=says):
        choose(columns, **given)


def test_a_problem_that_is_none_names_the_users_own_column() -> None:
    with pytest.raises(InvalidField, match=r"^row 3: question: ") as raised:
        problem_of({"question": None}, choose("question")[0], prefix="row 3: ")
    assert raised.value.field == "row 3: question"


def test_options_go_before_the_file_and_defaults_are_left_to_the_server() -> None:
    chosen = run_config('{"seed": 1, "repeats": 4}', {"seed": 2, "scheme": None})
    assert chosen == {"seed": 2, "repeats": 4}


@pytest.mark.parametrize(
    ("config", "field"),
    [('{"treshold": 7}', "config.treshold"), ('{"threshold": 12}', "config.threshold"), ("[1]", "--config")],
)
def test_a_wrong_configuration_is_named_before_anything_is_sent(config: str, field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        run_config(config, {})
    assert raised.value.field == field


def test_a_configuration_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidField, match=r"^--config: "):
        json_object("{", "--config")


def test_a_grid_is_lists_and_counts_a_threshold_only_where_it_matters() -> None:
    grid = grid_of(["scheme=base,specreason", "threshold=5,7"], {})
    assert grid == {"scheme": ["base", "specreason"], "threshold": [5, 7]}
    assert [(str(each.scheme), each.threshold) for each in validated({}, grid).configurations()] == [
        ("base", None),
        ("specreason", 5),
        ("specreason", 7),
    ]
    assert len(validated({"config": {"repeats": 3}}, None).configurations()) == 1
    assert grid_of([], {}) is None


@pytest.mark.parametrize(
    ("given", "config", "says"),
    [
        (["schema=base"], {}, "scheme=….* threshold=…"),
        (["scheme="], {}, "scheme=….* threshold=…"),
        (["scheme=base", "scheme=drafter"], {}, r"\bscheme\b(?!=)"),
        (["threshold=5"], {"threshold": 7}, r"\bthreshold\b(?!=)"),
        (["threshold=high"], {}, "'high'"),
        (["threshold=5,12"], {}, naming("config.threshold:", 9)),
        (["scheme=magic"], {}, "config.scheme"),
    ],
)
def test_a_wrong_grid_is_refused(given: list[str], config: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        grid_of(given, config)
