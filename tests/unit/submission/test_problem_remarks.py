"""Remarks on problems that are valid: ids that occur twice, and answers that are blank."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.submission.columns import DEFAULT_COLUMNS, Columns
from specreason.submission.problem import problem_of
from specreason.submission.problem_remarks import ProblemRemarks
from tests.support.messages import names


def remarks_on(*rows: dict[str, Any], columns: Columns = DEFAULT_COLUMNS) -> tuple[str, ...]:
    remarks = ProblemRemarks()
    for number, row in enumerate(rows, start=1):
        remarks.read(row, columns, problem_of(row, columns), f"line {number}")
    return remarks.sentences()


def test_problems_as_they_should_be_need_no_remark() -> None:
    assert (
        remarks_on({"problem": "a", "answer": "1", "id": "x"}, {"problem": "b", "id": "y"}, {"problem": "c"})
        == ()
    )


def test_an_id_that_occurs_twice_is_named_with_its_first_two_lines() -> None:
    once = remarks_on({"problem": "a", "id": "x"}, {"problem": "b"}, {"problem": "c", "id": " x "})
    assert names(once[0], "'x'", "line 1", "line 3")
    assert "more" not in once[0]
    often = remarks_on(*[{"problem": "a", "id": 7}] * 4)
    assert names(often[0], "'7'", "line 1", "line 2", 2)


@pytest.mark.parametrize("blank", ["", "  ", "\n\t"])
def test_an_answer_that_is_blank_is_none_and_is_said(blank: str) -> None:
    row = {"problem": "a", "answer": blank}
    assert problem_of(row, DEFAULT_COLUMNS).answer is None
    assert names(remarks_on(row)[0], "1 answer is")
    assert names(remarks_on(row, row, {"problem": "b", "answer": "2"})[0], "2 answers are")


def test_no_answer_is_not_a_blank_one() -> None:
    assert remarks_on({"problem": "a", "answer": None}, {"problem": "b"}) == ()
    assert remarks_on({"problem": "a", "answer": " "}, columns=Columns(answer="")) == ()


def test_ids_that_are_blank_are_none_and_do_not_repeat() -> None:
    row = {"problem": "a", "id": " "}
    assert problem_of(row, DEFAULT_COLUMNS).id is None
    assert remarks_on(row, row) == ()
