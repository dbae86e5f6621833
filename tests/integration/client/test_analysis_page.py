"""docs/analysis.md: each of its questions is answered by its one command, on batches that its first lines submit.

No model runs: the jobs have the traces of `tests.support.store.known`, of which every figure is known.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from specreason.client import Client
from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.known import RIGHT, run_both

PAGE = Path("docs/analysis.md").read_text()
SUBMITS = re.findall(r"^specreason (submit .*)$", PAGE, re.MULTILINE)
QUESTIONS = dict(re.findall(r"^## ([^\n]*\?)\n\n```\nspecreason ([^\n]*)\n```$", PAGE, re.MULTILINE))
# What the answer holds, added up by hand: SpecReason has won problem 2 and lost problem 1. Its jobs take 1.3, 2.3, 3.3
# and 1.3 s, of which engines 1.1, 2.1, 3.1 and 1.1. Its drafts have the digits 9, 8; 7, 3; none, 2; 9, 8.
ANSWERS = {
    "Is one run better than another, by how much, and can I rely on it?": [
        "No difference in right answers is shown: 0.0 points",
        r"pass@1, % +75\.0 .* 75\.0 ",
        r"latency, s +2\.70 .* 2\.05 ",
        r"accepted, % .* 62\.5 ",
        "B has won 1, lost 1, tied 2",
    ],
    "Does drafting pay?": [r"62(\.5)? % of drafts are accepted"],
    "Where does the time go?": [
        r"s/job +2\.05",
        "engines 90%",
        "storing 5%",
    ],
    "Which threshold should I use?": [
        r"8, of which 62\.5%.* accepted",
        r"^4 to 7 \(now\) +62\.5 ",
        r"^3 +75\.0 ",
        r"^8 +50\.0 ",
        r"^9 +25\.0 ",
    ],
    "What did the judge think of steps that led to wrong answers?": [
        "4 ended, of 4 problems; 4 graded, 3 right",
        # Of the right jobs' digits 9, 8, 2, 9, 8 and the wrong one's 7, 3: eight of ten pairs are in order.
        r"AUC, answers +digit 0\.80",
        r"3 drafts; the answer became right after 66\.7%.* of them, after 80\.0%.* of the accepted ones",
    ],
    "Which trace is the worst?": [r"/1 +p1 +succeeded +answered +5 +wrong"],
    "How do I get all of it into pandas?": [],
}


@pytest.fixture
def batches(
    shell: Shell, client: Client, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lines of the page submit, with every job ended."""
    monkeypatch.chdir(tmp_path)
    problems = [{"id": f"p{i}", "problem": f"{i} + 4 - {i}?", "answer": RIGHT} for i in range(4)]
    Path("problems.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in problems))
    for line in SUBMITS:
        sent = shell(*shlex.split(line))
        assert sent.status == 0, sent.err
    run_both(database, client.find_batch("base"), client.find_batch("specreason"))


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("question", ANSWERS)
def test_each_question_is_answered_by_one_command(question: str, shell: Shell) -> None:
    answered = shell(*shlex.split(QUESTIONS[question]))
    assert answered.status == 0, answered.err
    for known in ANSWERS[question]:
        assert re.search(known, answered.out, re.MULTILINE), answered.out
    if question.endswith("pandas?"):
        (folder,) = Path("rows").iterdir()
        num_rows = {
            table: sum(pq.read_metadata(file).num_rows for file in folder.glob(f"{table}-*.parquet"))
            for table in ("problem", "job", "step", "payload", "grade")
        }
        assert num_rows == {"problem": 4, "job": 4, "step": 13, "payload": 13, "grade": 4}
    if "--plot" in QUESTIONS[question]:
        assert Path("judge.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_no_other_questions_and_names_no_other_batch() -> None:
    assert QUESTIONS.keys() == ANSWERS.keys()
    submitted = [re.search(r"--name (\S+)", line)[1] for line in SUBMITS]  # type: ignore[index]
    assert submitted == ["base", "specreason"]
    asked = [word for command in QUESTIONS.values() for word in command.split()[1:]]
    assert {word for word in asked if word in submitted} == {"base", "specreason"}
    options = {"show", "figures", "jobs", "--plot", "judge.png", "--wrong", "--output", "rows"}
    assert set(asked) - options == {"base", "specreason"}
