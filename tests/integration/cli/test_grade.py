"""`specreason grade`: verdicts on the answers in a file, without a server."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from specreason.cli.dataset import grading
from specreason.cli.main import run
from specreason.grading.bounded import Grade
from specreason.grading.graders import load_grader

GIVEN = Path(__file__).parents[2] / "data" / "grading.jsonl"


class InThisProcess:
    """A grader without the bounds of a helper process, which takes seconds to start."""

    def __init__(self, name: str | None) -> None:
        self._grader = load_grader(name)

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def grade(self, answer: str | None, gold: str) -> Grade:
        verdict = self._grader(answer, gold)
        said = {"is_correct": verdict.is_correct, "layer": verdict.layer, "why": verdict.why}
        return Grade(grader=self._grader.name, given_up=verdict.is_given_up, **said)


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "BoundedGrader", InThisProcess)


@pytest.fixture
def grade(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """Write rows to a file and grade it; the exit status, stdout and stderr."""

    def write_and_grade(rows: list[dict[str, Any]] | str, *options: str, name: str = "rows.jsonl") -> Any:
        path = tmp_path / name
        path.write_text(rows if isinstance(rows, str) else "".join(f"{json.dumps(row)}\n" for row in rows))
        status = run(["grade", str(path), *options])
        said = capfd.readouterr()
        return status, said.out, said.err

    return write_and_grade


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_cases_of_the_field_agree_with_their_labels(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", str(GIVEN), "--json"]) == 0
    *verdicts, last = lines(capfd.readouterr().out)
    assert len(verdicts) == 36
    assert all(each["is_correct"] is each["expected"] for each in verdicts)
    assert last["summary"]["num_disagreements"] == 0


@pytest.mark.usefixtures("unbounded")
def test_with_json_each_verdict_has_its_layer_and_why(grade: Any) -> None:
    status, out, _ = grade([{"gold": "0.5", "text": r"So \boxed{\frac12}."}], "--json")
    verdict, last = lines(out)
    assert status == 0
    assert verdict["answer"] == r"\frac12"
    assert (verdict["is_correct"], verdict["layer"]) == (True, "number")
    assert verdict["why"]
    assert "math-verify" in verdict["grader"]
    assert last["summary"]["num_right"] == 1


@pytest.mark.usefixtures("unbounded")
def test_disagreements_are_shown_and_end_with_3(grade: Any) -> None:
    rows = [
        {"gold": "5", "answer": "6", "is_correct": True},
        {"gold": "7", "answer": "7", "is_correct": True},
    ]
    status, out, _ = grade(rows)
    assert status == 3
    assert "line 1" in out
    assert "line 2" not in out
    assert "1 disagreement" in out


@pytest.mark.usefixtures("unbounded")
def test_without_labels_the_wrong_answers_are_shown_and_the_status_is_0(grade: Any) -> None:
    status, out, _ = grade([{"gold": "5", "text": "no box"}, {"gold": "7", "answer": "7"}])
    assert status == 0
    assert "line 1" in out
    assert "2 answers, 1 right, 1 wrong" in out


@pytest.mark.usefixtures("unbounded")
def test_all_shows_every_verdict(grade: Any) -> None:
    _, out, _ = grade([{"gold": "5", "answer": "6"}, {"gold": "7", "answer": "7"}], "--all")
    assert "line 2" in out


@pytest.mark.usefixtures("unbounded")
def test_a_table_is_read_whatever_the_case_of_its_columns(grade: Any) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["Gold", "Answer"], ["1,000", "1000"], ["#### 7", r"\boxed{7}"]])
    status, out, err = grade(text.getvalue(), name="rows.csv")
    assert status == 0
    assert "2 right" in out
    assert "####" in err


@pytest.mark.usefixtures("unbounded")
def test_columns_are_named_by_options(grade: Any) -> None:
    status, out, _ = grade(
        [{"target": "5", "completion": r"\boxed{5}"}], "--gold", "target", "--text", "completion"
    )
    assert status == 0
    assert "1 right" in out


@pytest.mark.usefixtures("unbounded")
def test_a_gold_answer_may_be_a_number_a_list_or_none(grade: Any) -> None:
    rows = [
        {"gold": 1e-07, "answer": "10^{-7}"},
        {"gold": ["1", "2"], "answer": "2 and 1"},
        {"gold": None, "answer": "5"},
    ]
    status, out, err = grade(rows)
    assert status == 0
    assert "2 answers, 2 right" in out
    assert "left out" in err


def test_poison_costs_one_row_and_is_counted_as_given_up(grade: Any) -> None:
    poison = r"\lfloor 2.5^{100000000000}\rfloor"
    rows = [{"gold": poison, "answer": "5"}, {"gold": "7", "answer": "7"}]
    _, out, _ = grade(rows, "--json")
    first, second, last = lines(out)
    assert (first["is_correct"], first["given_up"]) == (False, True)
    assert second["is_correct"]
    assert last["summary"]["num_given_up"] == 1


@pytest.mark.parametrize(
    ("rows", "options", "names"),
    [
        ([{"answer": "5"}], (), ["line 1", "gold", "--gold", "answer"]),
        ([{"gold": "5"}], (), ["line 1", "text", "--answer"]),
        ([{"gold": {"a": 1}, "answer": "5"}], (), ["line 1", "gold", "object"]),
        ([{"gold": "5", "answer": {"value": "5"}}], (), ["line 1", "answer", "text"]),
        ([{"gold": "5", "answer": "5", "is_correct": "maybe"}], (), ["line 1", "is_correct", "maybe"]),
        ("not json\n", (), ["line 1", "JSON"]),
        ("", (), ["rows.jsonl", "empty"]),
        ([{"gold": "5", "answer": "5"}], ("--grader", "nobody"), ["grader", "nobody"]),
    ],
)
def test_what_cannot_be_graded_is_named_and_ends_with_2(
    grade: Any, rows: list[dict[str, Any]] | str, options: tuple[str, ...], names: list[str]
) -> None:
    status, out, err = grade(rows, *options, "--json")
    assert status == 2
    for name in names:
        assert name in err
    assert lines(out)[-1]["error"]["exit_status"] == 2
