"""`specreason batch` and `specreason job`: shown, watched and controlled."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from specreason.cli.completion import complete_batch
from specreason.cli.waiting import watching
from specreason.client import Client, deadline, short_id, waiting
from specreason.client.decoding import to_json
from specreason.reasoning.steps import StopReason
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.api.scripted_server import answer, scripted_server
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import (
    accepted,
    append_all,
    claim_one,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.grading import grade_all
from tests.support.store.sql import execute
from tests.support.virtual_time import FakeTime

CSV = 'problem,answer,level\n"What is 2 + 2,\nin words?",4,easy\nWhat is 3 + 3?,6,\n'


def end_all(database: Database, batch_id: UUID, *states: JobState) -> None:
    worker_id = start_worker(database)
    for job_id, state in zip(job_ids(database, batch_id), states, strict=True):
        assert finish(database, claimed(database, job_id, worker_id), JobResult(state=state, answer="4"))
    grade_all(database)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    for module in (waiting, deadline, watching):
        monkeypatch.setattr(module, "time", fake)
    return fake


def num_batches(database: Database) -> int:
    count: int = read_only_query(database, "SELECT count(*) FROM batch").rows[0][0]
    return count


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


def test_several_batches_are_watched_together_each_once(shell: Shell, database: Database) -> None:
    good, bad = submit(database, 2), submit(database, 2)
    end_all(database, good, JobState.SUCCEEDED, JobState.SUCCEEDED)
    end_all(database, bad, JobState.SUCCEEDED, JobState.FAILED)
    ended = shell("batch", "watch", bad, good, bad, "--json")
    assert (ended.status, [batch["batch_id"] for batch in ended.json["data"]]) == (3, [str(bad), str(good)])
    assert ended.err.count("2 of 2 jobs") == 2
    assert shell("batch", "watch", good, good, "--json").json["batch_id"] == str(good)
    table = shell("batch", "watch", good, bad)
    assert names(table.out, "2/2", "1 failed")


@pytest.mark.usefixtures("time")
def test_an_api_that_goes_away_is_told_and_the_timeout_holds(
    shell: Shell, database: Database, client: Client
) -> None:
    batch_id = submit(database, 2)
    read = answer("200 OK", json.dumps(to_json(client.batch(batch_id))))
    with scripted_server([read, read]) as server:  # and then it refuses
        ended = shell("batch", "watch", batch_id, "--timeout", 35, "--api", server.url, "--json")
    assert (ended.status, ended.json["error"]["exit_status"]) == (8, 8)
    again = f"`specreason batch watch {batch_id} --api {server.url}`"
    assert ended.err.count("trying again") == 4  # at once, and every ten seconds
    again = f"`specreason batch watch {batch_id} --api {server.url}`"
    assert ended.json["error"]["message"].endswith(f"Look again: {again}")


@pytest.mark.usefixtures("time")
def test_a_wait_without_a_timeout_goes_on_behind_an_outage(
    shell: Shell, database: Database, client: Client
) -> None:
    batch_id = submit(database, 1)
    read = answer("200 OK", json.dumps(to_json(client.batch(batch_id))))
    away = answer("503 Service Unavailable", '{"detail": "away"}')
    end_all(database, batch_id, JobState.SUCCEEDED)
    last = answer("200 OK", json.dumps(to_json(client.batch(batch_id))))
    with scripted_server([read, read, *[away] * 20, b"", last]) as server:
        ended = shell("batch", "watch", batch_id, "--api", server.url)
    assert ended.status == 0
    told = [line for line in ended.err.splitlines() if "API" in line]
    assert names(told[0], "does not answer")
    assert names(told[-1], "answers again")
    assert names(ended.err.splitlines()[-1], "1 of 1 job", "1 succeeded")


@pytest.mark.usefixtures("time")
def test_of_several_batches_each_is_said_once_it_has_ended_and_together_how_many_jobs_have(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    options = (path, "--grid", "scheme=base,drafter", "--wait", "--timeout", 30)
    first = shell("submit", *options)
    assert first.status == 8
    assert "0 of 4 jobs" in first.err
    assert names(first.err, "4 of 4 jobs", "30 s")
    for batch in shell("batch", "list", "--json").json["data"]:
        end_all(database, UUID(batch["batch_id"]), JobState.SUCCEEDED, JobState.FAILED)
    again = shell("submit", *options)
    assert again.status == 3
    assert len(re.findall(r"2 of 2 jobs .*\b1\b.*\n", again.err)) == 2


@pytest.mark.usefixtures("time")
def test_waiting_longer_than_allowed_is_status_8_and_says_how_to_go_on(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(CSV)
    ended = shell("submit", path, "--wait", "--timeout", 30, "--json")
    assert ended.status == 8
    assert "specreason batch watch" in ended.json["error"]["message"]
    assert num_batches(database) == 1


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_leave_the_batches_alone_and_say_how_to_look_again(
    shell: Shell, database: Database, sent: signal.Signals, status: int
) -> None:
    ids = [str(submit(database, 1)), str(submit(database, 1))]
    command = [sys.executable, "-m", "specreason.cli.main", "batch", "watch", *ids, "--json"]
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
    os.kill(watch.pid, sent)
    out, err = watch.communicate(timeout=60)
    assert watch.returncode == status
    error = json.loads(out)["error"]
    assert error["exit_status"] == status
    assert f"`specreason batch watch {' '.join(ids)}`" in error["message"]
    assert "Traceback" not in err
    assert read_only_query(database, "SELECT DISTINCT state FROM job").rows == (("queued",),)


def test_batches_are_listed_shown_and_controlled(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 3)
    listed = shell("batch", "list", "--json").json["data"]
    assert [batch["batch_id"] for batch in listed] == [str(batch_id)]
    assert short_id(batch_id) in shell("batch", "list").out
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
    paused = shell("batch", "pause", batch_id)
    assert names(paused.out, batch_id, "paused", "3 of 3 jobs")
    resumed = shell("batch", "resume", batch_id, "--json").json
    assert (resumed["paused_at"], resumed["num_changed"]) == (None, 1)
    assert shell("batch", "deadline", batch_id, "2030-12-24T18:00:00").status == 0
    assert names(shell("batch", "cancel", batch_id).out, batch_id, "cancelled 3 jobs")
    assert names(shell("batch", "requeue", batch_id, "--state", "cancelled").out, "3 jobs", "again")
    wrong = shell("batch", "requeue", batch_id, "--state", "succeeded", "--json")
    assert (wrong.status, wrong.json["error"]["field"]) == (2, "states")


def test_a_control_with_nothing_left_to_change_says_so_with_status_0(
    shell: Shell, database: Database
) -> None:
    batch_id = submit(database, 2)
    end_all(database, batch_id, JobState.SUCCEEDED, JobState.SUCCEEDED)
    for command, *said in (
        (("cancel",), "nothing left to cancel", "all 2 jobs have ended"),
        (("resume",), "not paused"),
        (("retry",), "nothing to retry", "failed or died"),
        (("requeue", "--state", "cancelled"), "nothing to queue again", "cancelled"),
        (("priority", "3"), "all 2 jobs have ended"),
        (("deadline", "2020-01-01T00:00:00"), "no job left to expire"),
    ):
        answer = shell("batch", command[0], batch_id, *command[1:])
        assert answer.status == 0
        assert names(answer.out, *said)
    assert names(shell("batch", "pause", batch_id).out, "paused", "all 2 jobs have ended")
    assert names(shell("batch", "pause", batch_id).out, "already paused")
    job_id = job_ids(database, batch_id)[0]
    for action in ("cancel", "requeue", "deadline"):
        answer = shell("job", action, job_id)
        assert answer.status == 0
        assert names(answer.out, "nothing", "succeeded")


def test_a_deadline_in_the_past_is_kept_and_said_to_be_past(shell: Shell, database: Database) -> None:
    batch_id = submit(database, 2)
    answer = shell("batch", "deadline", batch_id, "2020-01-01T00:00:00")
    assert answer.status == 0
    assert names(answer.out, "past", "2 jobs expire now")


def test_a_batch_whose_jobs_ran_out_of_context_says_so_and_what_helps(
    shell: Shell, database: Database
) -> None:
    batch_id = submit(database, 2)
    worker_id = start_worker(database)
    full = JobResult(
        state=JobState.SUCCEEDED, stop_reason=StopReason.CONTEXT_FULL, store_s=0.0, mean_concurrency=16.0
    )
    for job_id in job_ids(database, batch_id):
        assert finish(database, claimed(database, job_id, worker_id), full)
    execute(database, "UPDATE job SET gradable = false")
    shown = shell("batch", "show", batch_id)
    assert names(shown.out, "2 context full", "at 16 in flight")
    assert names(shown.err, "2 of 2 jobs", "context", "max_answer_tokens")
    assert names(shell("batch", "watch", batch_id).err, "2 of 2 jobs ran out of context")
    assert "context full" in shell("batch", "jobs", batch_id).out
    assert names(shell("job", "show", job_ids(database, batch_id)[0]).out, "context full", "16 in flight")


def test_short_ids_are_whole_on_a_narrow_terminal(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = submit(database, 3)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    monkeypatch.setenv("COLUMNS", "60")
    assert short_id(batch_id) in shell("batch", "list").out
    listed = shell("batch", "jobs", batch_id).out
    for index in range(3):
        assert f"{short_id(batch_id)}/{index} " in listed


async def test_jobs_are_listed_shown_and_read_step_by_step(shell: Shell, database: Database) -> None:
    job = claim_one(database)
    writer = TraceWriter(database)
    await append_all(writer, job, accepted(0), rejected(1))
    writer.close()
    batch_id = shell("job", "show", job.job_id, "--json").json["batch_id"]
    assert f"{short_id(UUID(batch_id))}/0 " in shell("batch", "jobs", batch_id).out
    assert "1 of 2 drafts accepted" in shell("job", "show", job.job_id).out
    trace = shell("job", "steps", job.job_id).out
    assert "- So 2 + 2 = 5." in trace
    assert "+ Wait, 2 + 2 = 4." in trace
    steps = shell("job", "steps", job.job_id, "--json").json["data"]
    assert [step["score"] for step in steps] == [8, 3]
    assert shell("job", "cancel", job.job_id).out == f"job {job.job_id}: cancelled\n"
    assert shell("job", "requeue", job.job_id).out == f"job {job.job_id}: queued\n"
    assert shell("job", "deadline", job.job_id).status == 0


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


def test_batch_ids_are_completed_and_no_server_is_no_error(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "specreason.cli.completion.LIMIT_S", 30.0
    )  # the machine may be busy; the server is there
    batch_id = submit(database)
    assert complete_batch(str(batch_id)[:8]) == [(str(batch_id), "sums, 0/1")]
    assert complete_batch("x") == []
    monkeypatch.setenv("SPECREASON_API_URL", "http://127.0.0.1:1")
    assert complete_batch("") == []


def test_a_log_gets_a_line_every_ten_seconds(shell: Shell, database: Database, time: FakeTime) -> None:
    ended = shell("batch", "watch", submit(database), "--timeout", 25)
    assert ended.status == 8
    assert ended.err.count("0 of 1 job ended") == 3
