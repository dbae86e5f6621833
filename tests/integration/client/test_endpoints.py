"""Client and commands against what the API can do since it has keys, grids, results, filters, attempts and events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from specreason.cli.main import run
from specreason.client import Client
from specreason.embedded import Servers
from specreason.errors import Conflict, InvalidField, KeyRefused, NotAllowed, NotFound
from specreason.store.queue.jobs import JobResult, finish, retry
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.apps import make_api
from tests.support.live_api import serving
from tests.support.store_builders import claimed, job_ids, start_worker, submit
from worker.grader import grade_pending

QUESTIONS = b'{"question": "What is 2 + 2?", "solution": "4", "level": 3}\n{"question": "What is 3 + 3?"}\n'
MAPPING = {"problem": "question", "answer": "solution"}
LINES = b'{"problem": "What is 2 + 2?"}\n'


def output_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    capsys.readouterr()
    status = run([str(each) for each in arguments])
    return status, capsys.readouterr().out


def json_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(output_of(capsys, *arguments, "--json")[1])


def end(database: Database, job_id: UUID, **result: Any) -> None:
    job = claimed(database, job_id, start_worker(database))
    assert finish(database, job, JobResult(**result))


def test_columns_are_mapped_and_the_others_kept(client: Client, database: Database) -> None:
    batch = client.submit(QUESTIONS, mapping=MAPPING)
    first, second = client.jobs(batch.batch_id)
    assert (first.problem, first.gold, second.gold) == ("What is 2 + 2?", "4", None)
    sources = read_only_query(database, 'SELECT source FROM problem ORDER BY "index"').rows
    assert sources == (({"level": 3},), ({},))


def test_a_column_that_is_to_be_no_answer_is_kept_as_the_problems_source(
    url: str, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("question,answer\nWhat is 2 + 2?,long text\n")
    assert output_of(capsys, "submit", path, "--answer", "")[0] == 0
    rows = read_only_query(database, "SELECT text, answer, source FROM problem").rows
    assert rows == (("What is 2 + 2?", None, {"answer": "long text"}),)


def test_the_same_submission_again_says_that_it_is_one(client: Client) -> None:
    first, again = client.submit(LINES), client.submit(LINES)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.batch_id == again.batch_id


def test_a_key_that_was_used_for_something_else_is_a_conflict(client: Client) -> None:
    client.submit(LINES, idempotency_key="mine")
    with pytest.raises(Conflict):
        client.submit(b'{"problem": "another"}', idempotency_key="mine")


def test_a_grid_is_a_batch_for_each_combination_that_matters(
    client: Client, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = {"scheme": ["base", "specreason"], "threshold": [5, 7]}
    grid = client.submit_grid(LINES, choices, name="sweep")
    assert {(batch.scheme, batch.config["threshold"]) for batch in grid.data if batch.scheme != "base"} == {
        ("specreason", 5),
        ("specreason", 7),
    }
    assert len(grid.data) == 3
    assert {batch.metadata["grid_id"] for batch in grid.data} == {str(grid.grid_id)}
    assert client.submit_grid(LINES, choices, name="sweep").grid_id == grid.grid_id
    path = tmp_path / "sums.csv"
    path.write_text("question\nWhat is 2 + 2?\n")
    sent = json_of(capsys, "submit", path, "--grid", "scheme=base,drafter")
    assert [batch["scheme"] for batch in sent["data"]] == ["base", "drafter"]
    with pytest.raises(InvalidField):
        client.submit_grid(LINES, {"scheme": ["magic"]})
    assert read_only_query(database, "SELECT count(*) FROM batch").rows == ((5,),)


def test_results_are_a_line_for_each_job_that_ended(
    client: Client, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    status, printed = output_of(capsys, "batch", "results", batch_id)
    assert (status, len(printed.splitlines())) == (0, 2)
    path = tmp_path / "results.jsonl"
    assert json_of(capsys, "batch", "results", batch_id, "-o", path) == {
        "output": str(path),
        "num_results": 2,
    }
    assert path.read_text() == printed
    assert list(tmp_path.glob(".results*")) == []


@pytest.mark.parametrize("colour", ["", "1"])
def test_names_with_brackets_are_printed_as_they_are(
    client: Client,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    colour: str,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", colour)  # makes a terminal of what is none: bars instead of lines
    batch_id = client.submit(LINES, name="run [/v2] [bold]").batch_id
    end(database, job_ids(database, batch_id)[0], state=JobState.SUCCEEDED, answer="4")
    grade_pending(database)
    assert run(["batch", "watch", str(batch_id)]) == 0
    assert "run [/v2] [bold]" in capsys.readouterr().err
    assert run(["keys", "create", "key [/v2]"]) == 0
    assert "key [/v2]" in output_of(capsys, "keys", "list")[1]


def test_results_of_no_batch_leave_no_file(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    status, _ = output_of(capsys, "batch", "results", UUID(int=0), "-o", path)
    assert (status, path.exists()) == (4, False)
    assert list(tmp_path.glob(".results*")) == []


def test_batches_and_jobs_are_filtered(
    client: Client, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
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
    listed = json_of(capsys, "batch", "jobs", ended, "--state", "succeeded")["data"]
    assert [job["job_id"] for job in listed] == [str(good)]
    assert [b["name"] for b in json_of(capsys, "batch", "list", "--open")["data"]] == ["later"]


def test_attempts_tell_what_went_wrong(
    client: Client, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (job_id,) = job_ids(database, submit(database))
    assert retry(database, claimed(database, job_id, start_worker(database)), "out of memory")
    (attempt,) = client.attempts(job_id)
    assert (attempt.number, attempt.outcome, attempt.error) == (1, "error", "out of memory")
    assert "out of memory" in output_of(capsys, "job", "attempts", job_id)[1]


def test_a_priority_reaches_the_jobs(
    client: Client, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    batch_id = submit(database)
    client.priority(batch_id, 5)
    assert [job.priority for job in client.jobs(batch_id)] == [5]
    assert output_of(capsys, "batch", "priority", batch_id, "--", "-7")[0] == 0
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


def test_keys_are_made_shown_once_listed_and_revoked(
    servers: Servers, database: Database, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    status, secret = output_of(capsys, "keys", "create", "alice", "--scope", "read")
    assert (status, secret.startswith("sr_")) == (0, True)
    (listed,) = json_of(capsys, "keys", "list")["data"]
    assert (listed["owner"], listed["scopes"]) == ("alice", ["read"])
    assert secret.strip() not in json.dumps(listed)
    with serving(make_api(servers, database, with_keys=True)) as guarded_url:
        monkeypatch.setenv("SPECREASON_API_URL", guarded_url)
        assert output_of(capsys, "batch", "list")[0] == 5
        monkeypatch.setenv("SPECREASON_API_KEY", secret.strip())
        assert output_of(capsys, "batch", "list")[0] == 0
        with Client(guarded_url, secret.strip()) as client, pytest.raises(NotAllowed):
            client.submit(LINES)
        with Client(guarded_url, "sr_other") as client, pytest.raises(KeyRefused):
            list(client.batches())
        with Client(guarded_url, secret.strip()) as client, pytest.raises(NotFound):
            client.batch(submit(database))
    assert output_of(capsys, "keys", "revoke", listed["key_id"])[0] == 0
    assert json_of(capsys, "keys", "list")["data"][0]["revoked_at"] is not None
    assert output_of(capsys, "keys", "revoke", UUID(int=0))[0] == 4
    assert json_of(capsys, "keys", "create", "bob", "--scope", "everything")["error"]["field"] == "--scope"
