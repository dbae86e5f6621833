"""The commands against a real server: what they print, where, and how they end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow
import pytest
from pyarrow import parquet
from sqlalchemy import text

from specreason.cli.completion import complete_batch_id
from specreason.cli.main import run
from specreason.cli.show import watching
from specreason.embedded import Servers
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState, Scope
from specreason.store.trace.writer import TraceWriter
from tests.support.guarded_api import guarded_app, make_key
from tests.support.live_api import serving
from tests.support.messages import names
from tests.support.sql import execute
from tests.support.store_builders import (
    accepted,
    append_all,
    claim_one,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from worker.grader import grade_pending

CSV = 'problem,answer,level\n"What is 2 + 2,\nin words?",4,easy\nWhat is 3 + 3?,6,\n'


OKAY_CHECKS = ("python", "files", "pair", "models", "database", "broker", "schema", "api", "key")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process against one API."""

    url: str
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ended:
        self.capture.readouterr()
        status = run([str(each) for each in arguments])
        out, err = self.capture.readouterr()
        return Ended(status, out, err)


@pytest.fixture
def shell(url: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(url, capsys)


@pytest.fixture
def locked(
    shell: Shell, servers: Servers, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """As `shell`, with an API that asks for a key."""
    with serving(guarded_app(servers, database, tmp_path)) as url:
        monkeypatch.setenv("SPECREASON_API_URL", url)
        yield Shell(url, shell.capture)


def end_all(database: Database, batch_id: UUID, *states: JobState) -> None:
    worker_id = start_worker(database)
    for job_id, state in zip(job_ids(database, batch_id), states, strict=True):
        assert finish(database, claimed(database, job_id, worker_id), JobResult(state=state, answer="4"))
    grade_pending(database)


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
    assert f"specreason batch watch {first.out.strip()}" in first.err
    rows = read_only_query(
        database, 'SELECT text, answer, source FROM problem ORDER BY batch_id, "index"'
    ).rows
    assert rows[:2] == (
        ("What is 2 + 2,\nin words?", "4", {"level": "easy"}),
        ("What is 3 + 3?", "6", {"level": None}),
    )
    assert read_only_query(database, "SELECT DISTINCT filename FROM file").rows == (("sums.jsonl",),)


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
        ("x.csv", "problem\na\n  \n", (), "row 2: problem", "1"),
        ("x.csv", "a,b\n1,2\n", (), "problem", "a, b"),
        ("x.csv", CSV, ("--problem", "text"), "--problem", "'text'"),
        ("x.txt", "a", (), "", "--format"),
        ("x.txt", "a", ("--format", "xml"), "--format", "jsonl"),
        ("x.csv", CSV, ("--grid", "seed=1,2"), "--grid", "scheme=…"),
        ("x.csv", CSV, ("--config", '{"treshold": 1}'), "config.treshold", "unknown"),
        ("x.csv", CSV, ("--config", "no-such-file.json"), "--config", "JSON"),
        ("x.csv", CSV, ("--metadata", "[]"), "--metadata", "object"),
        ("x.csv", CSV, ("--metadata", '{"a": "\\ud800"}'), "metadata", "surrogate"),
        ("x.csv", CSV, ("--pair", "nobody"), "pair", "'nobody'"),
        ("x.csv", CSV, ("--deadline-s", "0"), "--deadline-s", "0"),
        ("x.csv", CSV, ("--deadline-s", "nan"), "--deadline-s", "0"),
        ("x.csv", CSV, ("--deadline-s", "inf"), "deadline_s", "inf"),
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


def test_waiting_ends_in_status_3_if_a_job_did_not_succeed(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = submit(database, 2), submit(database, 2)
    end_all(database, good, JobState.SUCCEEDED, JobState.SUCCEEDED)
    end_all(database, bad, JobState.SUCCEEDED, JobState.FAILED)
    assert shell("batch", "watch", good).status == 0
    ended = shell("batch", "watch", bad, "--json")
    assert ended.status == 3
    assert (ended.json["num_succeeded"], ended.json["num_failed"]) == (1, 1)
    assert "2 of 2 jobs" in ended.err


def test_of_several_batches_each_is_said_once_it_has_ended_and_together_how_many_jobs_have(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    options = (path, "--grid", "scheme=base,drafter", "--wait", "--timeout", 0.1)
    first = shell("submit", *options)
    assert first.status == 8
    assert "0 of 4 jobs" in first.err
    assert names(first.err, "4 of 4 jobs", "0.1 s")
    for batch in shell("batch", "list", "--json").json["data"]:
        end_all(database, UUID(batch["batch_id"]), JobState.SUCCEEDED, JobState.FAILED)
    again = shell("submit", *options)
    assert again.status == 3
    assert len(re.findall(r"2 of 2 jobs .*\b1\b.*\n", again.err)) == 2


def test_waiting_longer_than_allowed_is_status_8_and_says_how_to_go_on(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    ended = shell("submit", path, "--wait", "--timeout", 0.2, "--json")
    assert ended.status == 8
    assert "specreason batch watch" in ended.json["error"]["message"]
    assert num_batches(database) == 1


def test_ctrl_c_leaves_the_batch_alone_and_says_how_to_look_again(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 2)
    command = [sys.executable, "-m", "specreason.cli.main", "batch", "watch", str(batch_id), "--json"]
    watch = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # In the background of a shell it would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (one system call)
    )
    assert watch.stderr is not None
    assert "0 of 2 jobs" in watch.stderr.readline()
    os.kill(watch.pid, signal.SIGINT)
    out, err = watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert f"specreason batch watch {batch_id}" in json.loads(out)["error"]["message"]
    assert "Traceback" not in err
    assert read_only_query(database, "SELECT DISTINCT state FROM job").rows == (("queued",),)


def test_batches_are_listed_shown_and_controlled(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 3)
    listed = shell("batch", "list", "--json").json["data"]
    assert [batch["batch_id"] for batch in listed] == [str(batch_id)]
    assert str(batch_id) in shell("batch", "list").out
    submit(database)
    first = shell("batch", "list", "--limit", 1, "--json").json
    assert (len(first["data"]), first["has_more"]) == (1, True)
    assert "--limit" in shell("batch", "list", "--limit", 1).err
    assert not shell("batch", "list", "--limit", 2, "--json").json["has_more"]
    jobs = shell("batch", "jobs", batch_id, "--limit", 2, "--json").json
    assert (len(jobs["data"]), jobs["has_more"]) == (2, True)
    shown = shell("batch", "show", batch_id).out
    assert "░" * 40 in shown
    assert "3: 3 queued" in shown
    assert shell("batch", "pause", batch_id).out == f"batch {batch_id}: 3 queued (paused)\n"
    assert shell("batch", "resume", batch_id, "--json").json["paused_at"] is None
    assert shell("batch", "deadline", batch_id, "2030-12-24T18:00:00").status == 0
    assert shell("batch", "cancel", batch_id).out == f"batch {batch_id}: 3 cancelled\n"
    assert shell("batch", "retry", batch_id).out == f"batch {batch_id}: 3 cancelled\n"
    again = shell("batch", "requeue", batch_id, "--state", "cancelled")
    assert again.out == f"batch {batch_id}: 3 queued\n"
    wrong = shell("batch", "requeue", batch_id, "--state", "succeeded", "--json")
    assert (wrong.status, wrong.json["error"]["field"]) == (2, "states")


def test_ids_are_whole_on_a_narrow_terminal(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = submit(database, 3)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    monkeypatch.setenv("COLUMNS", "60")
    assert str(batch_id) in shell("batch", "list").out
    for job_id in job_ids(database, batch_id):
        assert str(job_id) in shell("batch", "jobs", batch_id).out


async def test_jobs_are_listed_shown_and_read_step_by_step(shell: Shell, database: Database) -> None:
    job = claim_one(database)
    writer = TraceWriter(database)
    await append_all(writer, job, accepted(0), rejected(1))
    writer.close()
    batch_id = shell("job", "show", job.job_id, "--json").json["batch_id"]
    assert str(job.job_id) in shell("batch", "jobs", batch_id).out
    assert "1 of 2 drafts accepted" in shell("job", "show", job.job_id).out
    trace = shell("job", "steps", job.job_id).out
    assert "- So 2 + 2 = 5." in trace
    assert "+ Wait, 2 + 2 = 4." in trace
    steps = shell("job", "steps", job.job_id, "--json").json["data"]
    assert [step["score"] for step in steps] == [8, 3]
    assert shell("job", "cancel", job.job_id).out == f"job {job.job_id}: cancelled\n"
    assert shell("job", "requeue", job.job_id).out == f"job {job.job_id}: queued\n"
    assert shell("job", "deadline", job.job_id).status == 0


@pytest.mark.parametrize(
    "command",
    [("batch", "show"), ("batch", "watch"), ("batch", "cancel"), ("job", "show"), ("job", "cancel")],
)
def test_what_is_not_there_is_status_4(shell: Shell, command: tuple[str, str]) -> None:
    missing = uuid4()
    ended = shell(*command, missing, "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (4, 4)
    assert str(missing) in ended.json["error"]["message"]


def test_a_key_that_does_not_count_or_may_not_is_status_5(
    locked: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)

    def refusal(*arguments: object) -> str:
        ended = locked(*arguments, "--json")
        error = ended.json["error"]
        assert (ended.status, error["exit_status"]) == (5, 5)
        assert error["message"] in ended.err
        message: str = error["message"]
        return message

    monkeypatch.delenv("SPECREASON_API_KEY", raising=False)
    needed = refusal("batch", "list")
    assert "SPECREASON_API_KEY" in needed
    monkeypatch.setenv("SPECREASON_API_KEY", "sr_wrong")
    assert names(refusal("submit", path), "API key")
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada", [Scope.READ]).secret)
    assert locked("batch", "list").status == 0
    assert "'submit'" in refusal("submit", path)
    assert num_batches(database) == 0


def test_an_idempotency_key_that_was_used_for_something_else_is_status_6(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    assert shell("submit", path).status == 0
    execute(database, "UPDATE idempotency_key SET body_hash = 'of something else'")
    ended = shell("submit", path, "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (6, 6)
    assert "Idempotency-Key" in ended.err
    assert shell("submit", path, "--again").status == 0
    assert num_batches(database) == 2


@pytest.mark.parametrize("command", ["results", "jobs"])
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(
    shell: Shell, database: Database, command: str
) -> None:
    batch_id = submit(database, 100)
    end_all(database, batch_id, *[JobState.SUCCEEDED] * 100)
    arguments = [sys.executable, "-m", "specreason.cli.main", "batch", command, str(batch_id)]
    # Less fits into the pipe than is printed: the command cannot have ended before its reader has. Unbuffered,
    # Python itself would not say that only a part was written.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, stdout=pipe, stderr=pipe, pipesize=4096, bufsize=0, env=buffered
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_server_that_is_not_there_is_status_7(shell: Shell) -> None:
    ended = shell("batch", "list", "--api", "http://127.0.0.1:1", "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (7, 7)
    assert "http://127.0.0.1:1" in ended.err


def test_workers_are_listed(shell: Shell, database: Database) -> None:
    worker_id = start_worker(database)
    assert shell("workers", "--json").json["data"][0]["worker_id"] == str(worker_id)
    assert "0/16" in shell("workers").out


def test_the_schema_is_checked_and_brought_up_to_date(shell: Shell) -> None:
    assert shell("db", "upgrade").status == 0
    assert shell("db", "check", "--json").json == {"ok": True}


def test_a_newer_database_is_one_line_wherever_it_is_met(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    execute(database, "UPDATE alembic_version SET version_num = 'r9999'")
    for command in (("db", "upgrade"), ("db", "check")):
        ended = shell(*command)
        assert (ended.status, ended.err.count("\n")) == (2, 1)
        assert "install" in ended.err
    ended = shell("doctor", "--json", "--data-dir", tmp_path)
    (schema,) = [check for check in ended.json["checks"] if check["name"] == "schema"]
    assert (ended.status, schema["status"]) == (3, "fail")
    assert "install" in schema["remedy"]


def test_the_doctor_finds_a_deployment_well_and_says_what_is_missing(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = shell("doctor", "--json", "--data-dir", tmp_path)
    found = {check["name"]: check["status"] for check in ended.json["checks"]}
    assert (ended.status, ended.json["ok"]) == (0, True)
    assert {found[name] for name in OKAY_CHECKS} == {"ok"}
    assert found["workers"] == "warn"
    monkeypatch.setenv("SPECREASON_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SPECREASON_DATABASE_URL", "postgresql://u@127.0.0.1:1/d")
    broken = shell("doctor", "--pair", "nobody", "--data-dir", tmp_path)
    assert broken.status == 3
    for line in ("fail pair", "fail database", "fail broker", "start Postgres", "start Valkey"):
        assert line in broken.out


def test_the_doctor_asks_whether_the_api_takes_the_key(
    locked: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> tuple[str, str]:
        checks = locked("doctor", "--json", "--data-dir", tmp_path).json["checks"]
        (key,) = [check for check in checks if check["name"] == "key"]
        assert ("ok", "api") in {(check["status"], check["name"]) for check in checks}
        assert bool(key["remedy"]) == (key["status"] != "ok")
        return key["status"], key["found"]

    assert found() == ("fail", "an API key is needed: send it as `Authorization: Bearer sr_…`")
    monkeypatch.setenv("SPECREASON_API_KEY", "sr_wrong")
    assert found() == ("fail", "the API key is unknown or revoked")
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada", [Scope.SUBMIT]).secret)
    assert found()[0] == "warn"
    monkeypatch.setenv("SPECREASON_API_KEY", make_key(database, "ada").secret)
    assert found() == ("ok", "SPECREASON_API_KEY is accepted")


def test_the_doctor_goes_on_where_the_workers_cannot_be_counted(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    with database.begin() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("LOCK TABLE worker IN ACCESS EXCLUSIVE MODE"))
        ended = shell("doctor", "--json", "--data-dir", tmp_path)
    found = {check["name"]: check["status"] for check in ended.json["checks"]}
    assert (found["schema"], found["workers"], found["broker"], found["api"]) == ("ok", "fail", "ok", "ok")


def test_batch_ids_are_completed_and_no_server_is_no_error(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "specreason.cli.completion.LIMIT_S", 30.0
    )  # the machine may be busy; the server is there
    batch_id = submit(database)
    assert complete_batch_id(str(batch_id)[:8]) == [(str(batch_id), "sums, 0/1")]
    assert complete_batch_id("x") == []
    monkeypatch.setenv("SPECREASON_API_URL", "http://127.0.0.1:1")
    assert complete_batch_id("") == []


def test_many_lines_are_not_said_where_nobody_looks(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log gets a line now and then, and always the last one."""
    monkeypatch.setattr(watching, "LINE_EVERY_S", 0.0)
    batch_id = submit(database, 1)
    ended = shell("batch", "watch", batch_id, "--timeout", 1)
    assert 1 < len(ended.err.splitlines()) < 10
    assert "0 of 1 jobs" in ended.err
