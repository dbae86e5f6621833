"""`specreason submit`: what is said of columns and rows, and rows that are left out with `--skip-invalid`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.messages import names
from tests.support.shell import Shell

ONE_BAD = (
    '{"id": "a", "problem": "1 + 1?", "answer": "2"}\n'
    '{"id": "b", "problem": "", "level": 3}\n'
    '{"id": "c", "problem": "2 + 2?", "answer": "4"}\n'
)
GSM8K = (
    '{"Question": "1 + 1?", "Answer": "It is 2.\\n#### 2"}\n{"Question": "2 + 2?", "Answer": "4\\n#### 4"}\n'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    path.write_text(ONE_BAD)
    return path


def ids(database: Database) -> list[str]:
    return [row[0] for row in read_only_query(database, "SELECT problem_id FROM problem ORDER BY id").rows]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_invalid_rows_are_left_out_reported_in_a_file_and_end_with_3(
    shell: Shell, database: Database, path: Path, options: tuple[str, ...]
) -> None:
    ended = shell("submit", path, "--skip-invalid", "--json", *options)
    beside = path.with_suffix(".errors.jsonl")
    assert ended.status == 3
    assert (ended.json["num_problems"], ended.json["skipped"]) == (2, 1)
    assert ended.json["errors_file"] == str(beside)
    assert names(ended.err, "1 invalid row", "line 2", beside)
    (error,) = map(json.loads, beside.read_text().splitlines())
    assert (error["where"], error["field"]) == ("line 2", "problem")
    assert error["row"] == {"id": "b", "problem": "", "level": 3}
    assert ids(database) == ([] if options else ["a", "c"])


def test_the_file_of_errors_has_the_name_that_is_asked_for(
    shell: Shell, database: Database, path: Path, tmp_path: Path
) -> None:
    named = tmp_path / "wrong rows"
    assert shell("submit", path, "--skip-invalid", "--errors", named).status == 3
    assert names(named.read_text(), "line 2")
    assert not path.with_suffix(".errors.jsonl").exists()


def test_a_grid_leaves_them_out_too(shell: Shell, database: Database, path: Path) -> None:
    ended = shell("submit", path, "--skip-invalid", "--grid", "scheme=base,drafter", "--json")
    assert (ended.status, ended.json["skipped"]) == (3, 1)
    assert ids(database) == ["a", "c", "a", "c"]


def test_the_same_line_again_is_the_same_batch(shell: Shell, database: Database, path: Path) -> None:
    first, again = (shell("submit", path, "--skip-invalid") for _ in range(2))
    assert (first.out, first.status, again.status) == (again.out, 3, 3)


def test_standard_input_has_a_file_of_errors_where_the_user_is(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ONE_BAD.encode())))
    assert shell("submit", "-", "--skip-invalid").status == 3
    assert names((tmp_path / "stdin.errors.jsonl").read_text(), "line 2")


def test_valid_rows_leave_no_file_of_errors(shell: Shell, database: Database, path: Path) -> None:
    path.write_text(ONE_BAD.splitlines()[0])
    ended = shell("submit", path, "--skip-invalid", "--json")
    assert (ended.status, ended.json["skipped"], ended.json["errors_file"]) == (0, 0, None)
    assert not path.with_suffix(".errors.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        ((), "line 2: problem", "1"),
        (("--errors", "x"), "--errors", "--skip-invalid"),
        (("--skip-invalid", "--errors", "sums.jsonl"), "--errors", "dataset"),
        (("--skip-invalid", "--errors", "no/such/folder/x"), "--errors", "no/such/folder/x"),
        (("--skip-invalid", "--problem", "id", "--answer", "gold"), "--answer", "'gold'"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_stored(
    shell: Shell,
    database: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    options: tuple[str, ...],
    field: str,
    says: str,
) -> None:
    monkeypatch.chdir(path.parent)
    ended = shell("submit", path, "--json", *options)
    assert (ended.status, ended.json["error"]["field"]) == (2, field)
    assert names(ended.err, says)
    assert ids(database) == []
    assert path.read_text() == ONE_BAD


def test_rows_that_are_all_invalid_are_refused(shell: Shell, database: Database, path: Path) -> None:
    path.write_text('{"problem": ""}\n{"problem": 7}\n')
    ended = shell("submit", path, "--skip-invalid", "--json")
    assert (ended.status, ended.json["error"]["field"]) == (2, "line 1: problem")
    assert names(ended.err, "2 rows")
    assert len(path.with_suffix(".errors.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_what_was_taken_is_said_and_is_in_the_json(
    shell: Shell, database: Database, path: Path, options: tuple[str, ...]
) -> None:
    path.write_text(GSM8K)
    ended = shell("submit", path, "--json", *options)
    assert ended.status == 0
    for said in (ended.err, "\n".join(ended.json["remarks"])):
        assert names(said, "'Question'", "'Answer'", "2 problems", "####")
    if not options:
        rows = read_only_query(database, "SELECT text, answer FROM problem ORDER BY index").rows
        assert rows == (("1 + 1?", "2"), ("2 + 2?", "4"))


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_that_there_is_nothing_to_grade_against_is_said_on_every_submission(
    shell: Shell, database: Database, path: Path, options: tuple[str, ...]
) -> None:
    path.write_text('{"problem": "1 + 1?", "result": "2"}\n')
    ended = shell("submit", path, "--json", *options)
    for said in (ended.err, "\n".join(ended.json["remarks"])):
        assert names(said, "no answers", "problem, result")
    assert not names(shell("submit", path, "--answer", "", *options).err, "no answers")


def test_numbers_reach_the_grader_as_numbers(shell: Shell, database: Database, path: Path) -> None:
    path.write_text(
        '{"id": "tiny", "problem": "What is 10^{-7}?", "answer": 0.0000001}\n'
        '{"id": "huge", "problem": "What is 10^{22}?", "answer": 1e22}\n'
    )
    assert shell("submit", path).status == 0
    rows = read_only_query(database, "SELECT answer FROM problem ORDER BY index").rows
    assert rows == (("0.0000001",), ("10000000000000000000000",))


def test_a_nested_name_is_an_option(shell: Shell, database: Database, path: Path) -> None:
    path.write_text('{"task": {"text": "1 + 1?"}, "golds": ["x", "2"], "meta": "{\\"no\\": 5}"}\n')
    options = ("--problem", "task.text", "--answer", "golds.1", "--id", "meta.no")
    assert shell("submit", path, *options).status == 0
    rows = read_only_query(database, "SELECT text, answer, problem_id FROM problem").rows
    assert rows == (("1 + 1?", "2", "5"),)
