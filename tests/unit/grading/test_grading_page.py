"""The page on grading says what the grader does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specreason.grading.grading import grade

PAGE = (Path(__file__).parents[3] / "docs" / "grading.md").read_text()
ROW = re.compile(r"^\| `([^`]+)` \| (`.+`) \| (right|wrong) \|", re.MULTILINE)
ROWS = [
    (gold, answer, verdict == "right")
    for gold, answers, verdict in ROW.findall(PAGE)
    for answer in re.findall("`([^`]+)`", answers)
]


def test_the_table_is_read() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize(("gold", "answer", "is_correct"), ROWS)
def test_the_verdicts_of_the_page_are_those_of_the_grader(gold: str, answer: str, is_correct: bool) -> None:
    assert grade(answer, gold).is_correct is is_correct
