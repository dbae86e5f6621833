"""docs/analysis.md: each of its questions is answered by its one command, on batches whose answers are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.known import build

PAGE = Path("docs/analysis.md").read_text()
QUESTIONS = dict(re.findall(r"^## ([^\n]*\?)\n\n```\nspecreason ([^\n]*)\n```$", PAGE, re.MULTILINE))
# A fact that the answer must hold.
ANSWERS = {
    "Is one run better than another, by how much, and can I rely on it?": "B has won 1, lost 1, tied 2",
    "Does drafting pay?": "56 % of drafts are accepted",
    "Where does the time go?": "engines",
    "Which threshold should I use?": "An estimate",
    "What did the judge think of steps that led to wrong answers?": "AUC",
    "Which trace is the worst?": "wrong",
    "How do I get all of it into pandas?": "batch=",
}


@pytest.mark.parametrize("question", ANSWERS)
def test_each_question_is_answered_by_one_command(
    question: str, shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(database)
    monkeypatch.chdir(tmp_path)
    answered = shell(*QUESTIONS[question].split())
    assert answered.status == 0, answered.err
    assert ANSWERS[question] in answered.out + answered.err


def test_the_page_has_no_other_questions() -> None:
    assert QUESTIONS.keys() == ANSWERS.keys()
