"""Which answer and which expected verdict a row of a file has."""

from __future__ import annotations

import pytest

from specreason.cli.dataset.grading import _answer, _expected
from specreason.submission.datasets import Row

COLUMNS = {"gold": "gold", "text": "text", "answer": "answer"}


def row(**values: object) -> Row:
    return Row(where="line 1", values=values, line=b"")


def test_a_list_of_answers_is_all_of_them() -> None:
    assert _answer(row(gold=["1", "2"], answer=["2", "1"]), COLUMNS) == '["2", "1"]'


@pytest.mark.parametrize(
    ("said", "expected"), [(1.0, True), (0.0, False), (True, True), (float("nan"), None), ("", None)]
)
def test_the_expected_verdict_may_be_a_float(said: object, expected: bool | None) -> None:
    assert _expected(row(is_correct=said)) is expected


@pytest.mark.parametrize("text", [None, "", float("nan")])
def test_a_row_without_text_has_its_answer(text: object) -> None:
    assert _answer(row(text=text, answer="5"), COLUMNS) == "5"
    assert _answer(row(text=text), COLUMNS) is None
