"""`specreason submit`: from a file, a pipe or a table to jobs, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from pathlib import Path
from uuid import UUID

import pyarrow
import pytest
from pyarrow import parquet

from specreason.client import short_id, transport
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.submission.options import LARGEST_METADATA, LONGEST_DEADLINE_S
from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.support.api.scripted_server import silent_server
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.virtual_time import FakeTime

CSV = 'problem,answer,level\n"What is 2 + 2,\nin words?",4,easy\nWhat is 3 + 3?,6,\n'


def num_batches(database: Database) -> int:
    count: int = read_only_query(database, "SELECT count(*) FROM batch").rows[0][0]
    return count


def test_a_csv_is_submitted_and_the_same_line_again_is_the_same_batch(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    first = shell("submit", path, "--repeats", 2, "--scheme", "base", "--name", "sums")
    again = shell("submit", path, "--repeats", 2, "--scheme", "base", "--name", "sums")
    other = shell("submit", path, "--repeats", 2, "--scheme", "base", "--name", "sums", "--again")
    assert (first.status, again.status, other.status) == (0, 0, 0)
    assert UUID(first.out.strip())  # nothing else is on stdout
    assert again.out == first.out
    assert other.out != first.out
    assert num_batches(database) == 2
    assert names(first.err, "no worker", "'demo'")
    assert f"specreason batch watch {short_id(UUID(first.out.strip()))}" in first.err
    rows = read_only_query(
        database, 'SELECT text, answer, source FROM problem ORDER BY batch_id, "index"'
    ).rows
    assert rows[:2] == (
        ("What is 2 + 2,\nin words?", "4", {"level": "easy"}),
        ("What is 3 + 3?", "6", {"level": None}),
    )
    assert read_only_query(database, "SELECT DISTINCT filename FROM file").rows == (("sums.jsonl",),)


def test_without_an_api_it_is_said_at_once_what_is_waited_for_and_what_to_do(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "time", FakeTime())
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    nowhere = "http://127.0.0.1:1"
    ended = shell("submit", path, "--wait", "--api", nowhere)
    assert ended.status == 7
    first, last = [line for line in ended.err.splitlines() if "API" in line]
    assert names(first, nowhere, "does not answer", "2 s")
    assert names(last, "Nothing was stored", "`specreason up`", "--api", "SPECREASON_API_URL")


def test_a_timeout_holds_before_anything_is_known_to_be_stored(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    with silent_server() as url:
        ended = shell("submit", path, "--timeout", 0.6, "--api", url, "--json")
        assert (ended.status, ended.json["error"]["exit_status"]) == (8, 8)
        assert names(ended.err, "not known", "the same again")
        anew = shell("submit", path, "--timeout", 0.6, "--api", url, "--again")
        assert names(anew.err, "not known", "`specreason batch list`")
    assert num_batches(database) == 0


def test_standard_input_is_submitted(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"problem": "1 + 1?"}\n')))
    batch = shell("submit", "-", "--json").json
    assert (batch["num_jobs"], batch["num_queued"]) == (1, 1)


def test_parquet_is_submitted_from_a_pipe(shell: Shell, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"problem": ["1 + 1?", "1 + 2?"]}), out)
    writing = threading.Thread(target=pipe.write_bytes, args=(out.getvalue(),), daemon=True)
    writing.start()
    assert shell("submit", pipe, "--format", "parquet", "--json").json["num_problems"] == 2
    writing.join()


def test_what_servers_take_by_default_is_told_and_no_error(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    for name in ("PROBLEMS", "UPLOAD_BYTES", "JOBS"):
        monkeypatch.setenv(f"SPECREASON_MAX_{name}", "1")
    ended = shell("submit", path, "--dry-run", "--repeats", 2, "--json")
    assert (ended.status, ended.json["num_problems"]) == (0, 2)
    for found, variable in (("2 problems", "PROBLEMS"), ("4 jobs", "JOBS"), ("bytes", "UPLOAD_BYTES")):
        lines = [line for line in ended.err.splitlines() if names(line, found)]
        assert [names(line, 1, f"SPECREASON_MAX_{variable}") for line in lines] == [True]
    assert shell("submit", path, "--json").status == 0  # the API here was started with other settings


@pytest.mark.parametrize(
    ("name", "content", "options", "field", "says"),
    [
        ("x.jsonl", '{"problem": "a"}\n{"problem": 5}\n', (), "line 2: problem", "string"),
        ("x.jsonl", '{"problem": "a \\u0000"}\n', (), "line 1: problem", "NUL"),
        ("x.jsonl", '{"problem": "a \\ud800"}\n', (), "line 1: problem", "surrogate"),
        ("x.jsonl", "", (), "", "problems"),
        ("x.csv", "problem,b\na,1\n  ,2\n", (), "row 2: problem", "1"),
        ("x.csv", "a,b\n1,2\n", (), "problem", "a, b"),
        ("x.csv", CSV, ("--problem", "text"), "--problem", "'text'"),
        ("x.txt", "a", (), "line 1", "JSON"),
        ("x.txt", "a", ("--format", "xml"), "--format", "jsonl"),
        ("x.csv", CSV, ("--grid", "seed=1,2"), "--grid", "scheme=…"),
        ("x.csv", CSV, ("--config", '{"treshold": 1}'), "config.treshold", "unknown"),
        ("x.csv", CSV, ("--config", "no-such-file.json"), "--config", "JSON"),
        ("x.csv", CSV, ("--metadata", "[]"), "--metadata", "object"),
        ("x.csv", CSV, ("--metadata", '{"a": "\\ud800"}'), "--metadata", "surrogate"),
        ("x.csv", CSV, ("--pair", "nobody"), "pair", "'nobody'"),
        ("x.csv", CSV, ("--deadline-s", "0"), "--deadline-s", "0"),
        ("x.csv", CSV, ("--deadline-s", "nan"), "--deadline-s", "nan"),
        ("x.csv", CSV, ("--deadline-s", "inf"), "--deadline-s", "inf"),
        ("x.csv", CSV, ("--priority", "101"), "--priority", "100"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    shell: Shell,
    database: Database,
    tmp_path: Path,
    *,
    name: str,
    content: str,
    options: tuple[str, ...],
    field: str,
    says: str,
) -> None:
    path = tmp_path / name
    path.write_text(content)
    ended = shell("submit", path, "--json", *options)
    error = ended.json["error"]
    assert (ended.status, error["exit_status"]) == (2, 2)
    assert error["field"] == (field or str(path))
    assert names(error["message"], says)
    assert error["message"] in ended.err
    assert num_batches(database) == 0


@pytest.mark.parametrize("grid", [(), ("--grid", "threshold=5,7")])
@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        (("--name", "x" * 201), "--name", "200"),
        (("--metadata", json.dumps({"note": "x" * LARGEST_METADATA})), "--metadata", LARGEST_METADATA),
        (("--metadata", '{"by": ["\\u0000"]}'), "--metadata", "NUL"),
        (("--priority", "-101"), "--priority", "-100"),
        (("--deadline-s", "1e9"), "--deadline-s", LONGEST_DEADLINE_S),
    ],
)
def test_a_dry_run_refuses_the_options_that_the_server_refuses(
    shell: Shell, tmp_path: Path, *, options: tuple[str, str], field: str, says: object, grid: tuple[str, ...]
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    ended = shell("submit", path, "--dry-run", "--json", *options, *grid)
    assert (ended.status, ended.json["error"]["field"]) == (2, field)
    assert names(ended.json["error"]["message"], says)


def test_a_threshold_that_nothing_reaches_is_remarked_and_no_error(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    options = (path, "--threshold", 9, "--config", '{"score_method": "expected"}')
    for more in ((), ("--dry-run",), ("--json",)):
        answer = shell("submit", *options, *more)
        assert answer.status == 0
        assert names(answer.err, "threshold 9", "expected")
    assert answer.json["remarks"]


def test_a_dry_run_counts_and_sends_nothing(shell: Shell, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV.replace("problem", "question"))
    ended = shell(
        *("submit", path, "--dry-run", "--json", "--repeats", 3, "--token-budget", 100),
        *("--grid", "scheme=base,specreason", "--grid", "threshold=5,7"),
    )
    plan = ended.json
    assert (plan["num_problems"], plan["num_with_answer"], plan["num_batches"]) == (2, 2, 3)
    assert (plan["num_jobs"], plan["max_thinking_tokens"]) == (18, 1800)
    assert plan["columns"]["problem"] == "question"
    assert "'demo'" in plan["problem_tokens_are"]
    assert names(ended.err, "'question'", "problem")
    elsewhere = shell("submit", path, "--dry-run", "--json", "--pair", "qwq-32b_zr1-1_5b").json
    assert elsewhere["problem_tokens_are"].startswith("estimated")
    assert elsewhere["problem_tokens"] > 0
    assert num_batches(database) == 0


def test_every_kind_of_knob_is_an_option(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    ended = shell(
        *("submit", path, "--json", "--no-overlap", "--adaptive", "--score-method", "expected"),
        *("--on-budget", "stop", "--max-steps", 9, "--top-p", 0.5, "--delimiter", r"\n"),
        *("--top-k", 20, "--min-p", 0.1, "--drafter-top-k", 0, "--drafter-min-p", 0.2),
    )
    config = ended.json["config"]
    assert (config["overlap"], config["adaptive"], config["score_method"]) == (False, True, "expected")
    assert (config["on_budget"], config["max_steps"], config["top_p"]) == ("stop", 9, 0.5)
    assert config["delimiter"] == "\n"
    assert (config["top_k"], config["min_p"]) == (20, 0.1)
    assert (config["drafter_top_k"], config["drafter_min_p"]) == (0, 0.2)
    shown = shell("batch", "show", ended.json["batch_id"]).out
    assert names(shown, "top_k 20", "min_p 0.1", "drafter: top_k 0, min_p 0.2")


def test_a_file_that_is_not_there_is_answered_with_what_there_is(shell: Shell, tmp_path: Path) -> None:
    alone = shell("submit", tmp_path / "sums.jsonl")
    assert alone.status == 2
    assert names(alone.err, f"{tmp_path}/sums.jsonl:", BUNDLED_PROBLEMS)
    (tmp_path / "sum.jsonl").write_text("")
    assert names(shell("submit", tmp_path / "sums.jsonl").err, "'sum.jsonl'")


def test_what_is_valid_and_perhaps_not_meant_is_said(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_text('{"problem": "1 + 1?", "id": "a", "answer": " "}\n{"problem": "1 + 2?", "id": "a"}\n')
    ended = shell("submit", path, "--dry-run", "--json")
    assert ended.json["num_with_answer"] == 0
    assert names(ended.err, "'a'", "line 1", "line 2")
    assert names(ended.err, "1 answer is")


def test_one_problem_is_not_called_problems(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_text('{"problem": "1 + 1?"}\n')
    assert names(shell("submit", path, "--dry-run").out, "1 problem", "1 job", "1 batch")
    assert names(shell("submit", path).err, "1 job")
