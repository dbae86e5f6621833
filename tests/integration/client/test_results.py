"""Results, filters, attempts, priorities and events, by the client and by the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from specreason.client import Client
from specreason.store.queue.jobs import JobResult, finish, retry
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import claimed, job_ids, start_worker, submit
from tests.support.store.grading import grade_all
from tests.support.store.known import build

LINES = b'{"problem": "What is 2 + 2?"}\n'


def end(database: Database, job_id: UUID, **result: Any) -> None:
    job = claimed(database, job_id, start_worker(database))
    assert finish(database, job, JobResult(**result))


def test_results_are_a_line_for_each_job_that_ended(
    client: Client, database: Database, tmp_path: Path, shell: Shell
) -> None:
    batch_id = submit(database, 3)
    first, second, _ = job_ids(database, batch_id)
    end(database, first, state=JobState.SUCCEEDED, answer="4")
    end(database, second, state=JobState.FAILED, error="too long")
    results = list(client.results(batch_id))
    assert [(each.job_id, each.state, each.answer) for each in results] == [
        (first, "succeeded", "4"),
        (second, "failed", None),
    ]
    assert results[1].error == "too long"
    printed = shell("batch", "results", batch_id)
    # The third job is still queued.
    assert (printed.status, len(printed.out.splitlines())) == (3, 2)
    assert names(printed.err, "1 of 3 jobs", "not ended")
    path = tmp_path / "results.jsonl"
    written = shell("batch", "results", batch_id, "-o", path, "--json").json
    assert written == {"output": str(path), "num_results": 2, "num_jobs": 3}
    assert path.read_text() == printed.out
    assert list(tmp_path.glob(".results*")) == []


@pytest.mark.parametrize("colour", ["", "1"])
def test_names_with_brackets_are_printed_as_they_are(
    client: Client,
    database: Database,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    colour: str,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", colour)  # makes a terminal of what is none: bars instead of lines
    batch_id = client.submit(LINES, name="run [/v2] [bold]").batch_id
    end(database, job_ids(database, batch_id)[0], state=JobState.SUCCEEDED, answer="4")
    grade_all(database)
    watched = shell("batch", "watch", batch_id)
    assert watched.status == 0
    assert "run [/v2] [bold]" in watched.err
    assert shell("keys", "create", "key [/v2]").status == 0
    assert "key [/v2]" in shell("keys", "list").out


def test_results_of_no_batch_leave_no_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    ended = shell("batch", "results", UUID(int=0), "-o", path)
    assert (ended.status, path.exists()) == (4, False)
    assert list(tmp_path.glob(".results*")) == []


def test_batches_and_jobs_are_filtered(client: Client, database: Database, shell: Shell) -> None:
    ended, waiting = submit(database, 2), client.submit(LINES, name="later").batch_id
    good, bad = job_ids(database, ended)
    end(database, good, state=JobState.SUCCEEDED, answer="4")
    end(database, bad, state=JobState.FAILED, error="the prompt is too long")
    assert [batch.batch_id for batch in client.batches(is_open=True)] == [waiting]
    assert [batch.batch_id for batch in client.batches(is_open=False)] == [ended]
    assert [batch.batch_id for batch in client.batches(name="late")] == [waiting]
    assert [job.job_id for job in client.jobs(ended, states=["failed", "dead"])] == [bad]
    assert [job.job_id for job in client.jobs(ended, error="too long")] == [bad]
    assert [job.job_id for job in client.jobs(ended, is_correct="none")] == [good, bad]
    assert list(client.jobs(ended, is_correct=True)) == []
    listed = shell("batch", "jobs", ended, "--state", "succeeded", "--json").json["data"]
    assert [job["job_id"] for job in listed] == [str(good)]
    assert [b["name"] for b in shell("batch", "list", "--open", "--json").json["data"]] == ["later"]


def test_attempts_tell_what_went_wrong(client: Client, database: Database, shell: Shell) -> None:
    (job_id,) = job_ids(database, submit(database))
    assert retry(database, claimed(database, job_id, start_worker(database)), "out of memory")
    (attempt,) = client.attempts(job_id)
    assert (attempt.number, attempt.outcome, attempt.error) == (1, "error", "out of memory")
    assert "out of memory" in shell("job", "attempts", job_id).out


def test_a_priority_reaches_the_jobs(client: Client, database: Database, shell: Shell) -> None:
    batch_id = submit(database)
    client.priority(batch_id, 5)
    assert [job.priority for job in client.jobs(batch_id)] == [5]
    assert shell("batch", "priority", batch_id, "--", "-7").status == 0
    assert [job.priority for job in client.jobs(batch_id)] == [-7]


def test_events_are_told_to_the_end_and_behind_any_of_them(client: Client, database: Database) -> None:
    batch_id = submit(database)
    (job_id,) = job_ids(database, batch_id)
    end(database, job_id, state=JobState.SUCCEEDED, answer="4")
    changes = list(client.events(batch_id))
    assert [change.kind for change in changes] == ["batch_submitted", "job_claimed", "job_ended"]
    assert [change.id for change in client.events(batch_id, after=changes[0].id)] == [
        change.id for change in changes[1:]
    ]
    assert [change.state for change in client.job_events(job_id)][-1] == "succeeded"


def test_jobs_are_found_by_what_became_of_them(client: Client, database: Database, shell: Shell) -> None:
    batch_id = build(database).specreason
    ids = job_ids(database, batch_id)

    def places(*options: object) -> list[int]:
        listed = shell("batch", "jobs", batch_id, *options, "--json").json["data"]
        return [ids.index(UUID(job["job_id"])) for job in listed]

    assert places("--stopped", "token_budget") == [2, 6]
    assert places("--stopped", "token_budget", "--wrong") == [6]
    assert places("--problem", "p1", "--min-acceptance", 0.5, "--max-acceptance", 0.5) == [1, 5]
    assert places("--source", "dataset=sums", "--min-latency", 3) == [2, 6]
    assert places("--source", "dataset=else") == []
    assert places("--max-tokens", 21) == places("--max-latency", 1.5) == [0, 3, 4]
    assert places("--ungraded") == []
    assert [job.job_id for job in client.jobs(batch_id, source={"dataset": "sums"}, repeat=1)] == list(
        ids[4:]
    )
    for options, field in (
        (("--stopped", "late"), "--stopped"),
        (("--source", "dataset"), "--source"),
        (("--ungraded", "--wrong"), "--ungraded"),
        (("--min-tokens", 5, "--max-tokens", 4), "max_tokens"),
    ):
        refused = shell("batch", "jobs", batch_id, *options, "--json")
        assert (refused.status, refused.json["error"]["field"]) == (2, field)
