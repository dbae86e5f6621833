"""/v1/batches with the unmodified `openai` SDK, whose jobs the test ends itself."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from openai import APIStatusError, NotFoundError, OpenAI, UnprocessableEntityError

from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import requeue_job
from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.openai import create, lines_of, reaches
from tests.support.api.openai_builders import ENDPOINT, end_all, jsonl, line, succeeded
from tests.support.store.sql import execute, rows_of, scalar


def test_the_list_has_every_batch_once_newest_first(openai: OpenAI) -> None:
    ids = [create(openai, jsonl([line("a")])).id for _ in range(5)]
    assert [batch.id for batch in openai.batches.list(limit=2)] == ids[::-1]
    first = openai.batches.list(limit=2)
    assert (len(first.data), first.has_more) == (2, True)


def test_models_are_the_pairs(openai: OpenAI) -> None:
    assert [model.id for model in openai.models.list()] == ["scripted"]
    assert openai.models.retrieve("scripted").object == "model"
    with pytest.raises(NotFoundError):
        openai.models.retrieve("gpt-5")


def test_lines_share_a_batch_of_ours_where_they_share_a_configuration(
    openai: OpenAI, database: Database
) -> None:
    lines = [line(f"{number}", seed=number, temperature=(number % 2) / 2) for number in range(10)]
    reaches(openai, create(openai, jsonl(lines)).id, "in_progress")
    rows = rows_of(
        database,
        """SELECT config -> 'temperature', string_agg(problem.problem_id || '=' || seed, ' ' ORDER BY job.id)
           FROM batch JOIN job ON job.batch_id = batch.id JOIN problem ON problem.id = job.problem_id
           GROUP BY 1 ORDER BY 1""",
    )
    assert rows == [(0.0, "0=0 2=2 4=4 6=6 8=8"), (0.5, "1=1 3=3 5=5 7=7 9=9")]


def test_a_line_completes_if_a_repeat_succeeds_and_fails_if_none_does(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("some", n=2), line("none", n=2)]))
    reaches(openai, made.id, "in_progress")
    failed = JobResult(state=JobState.FAILED, error="too long")
    end_all(database, lambda number: succeeded(number) if number == 2 else failed)  # the second of the first
    done = reaches(openai, made.id, "completed")
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
    (output,) = lines_of(openai, done.output_file_id)
    assert [choice["index"] for choice in output["response"]["body"]["choices"]] == [1]
    assert [job["state"] for job in output["response"]["body"]["specreason"]["jobs"]] == [
        "failed",
        "succeeded",
    ]
    (error,) = lines_of(openai, done.error_file_id)
    assert error["error"] is None
    assert error["response"]["status_code"] == 400
    assert error["response"]["body"]["error"] == {
        "message": "too long",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request",
    }


def test_at_the_end_of_its_window_a_batch_expires_and_gives_what_had_ended(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("early"), line("late")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, succeeded, leave=1)
    execute(database, "UPDATE job SET deadline_at = now() - interval '1 s' WHERE state = 'queued'")
    expire_deadlines(database)
    done = reaches(openai, made.id, "expired")
    assert done.expired_at
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["early"]
    (error,) = lines_of(openai, done.error_file_id)
    assert (error["custom_id"], error["response"]) == ("late", None)
    assert error["error"]["code"] == "batch_expired"


def test_the_window_is_the_deadline_of_the_jobs(openai: OpenAI, database: Database) -> None:
    file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
    made = openai.batches.create(
        input_file_id=file_id,
        endpoint=ENDPOINT,
        completion_window="30m",  # type: ignore[arg-type]
    )
    reaches(openai, made.id, "in_progress")
    assert scalar(database, "SELECT extract(epoch FROM max(deadline_at))::int FROM job") == pytest.approx(
        made.created_at + 1800, abs=2
    )


def test_jobs_queued_again_by_hand_make_new_results(openai: OpenAI, database: Database) -> None:
    made = create(openai, jsonl([line("a")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: JobResult(state=JobState.FAILED, error="no"))
    first = reaches(openai, made.id, "completed")
    assert first.output_file_id is None
    ((job_id,),) = rows_of(database, "SELECT id FROM job")
    requeue_job(database, Viewer.EVERYONE, job_id)
    again = openai.batches.retrieve(made.id)
    assert (again.status, again.error_file_id) == ("in_progress", None)
    end_all(database, succeeded)
    done = reaches(openai, made.id, "completed")
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["a"]


def test_result_files_expire_when_asked_to(openai: OpenAI, database: Database) -> None:
    after = {"anchor": "created_at", "seconds": 7200}
    made = create(openai, jsonl([line("a")]), output_expires_after=after)
    reaches(openai, made.id, "in_progress")
    before = int(time.time())
    end_all(database, succeeded)
    done = reaches(openai, made.id, "completed")
    expires_at = openai.files.retrieve(done.output_file_id or "").expires_at
    assert expires_at is not None
    assert before <= expires_at - 7200 <= time.time()


def test_another_body_under_an_idempotency_key_is_unprocessable(openai: OpenAI, database: Database) -> None:
    key = {"Idempotency-Key": "mine"}
    made = create(openai, jsonl([line("a")]), extra_headers=key)
    with pytest.raises(UnprocessableEntityError, match="Idempotency-Key"):
        create(openai, jsonl([line("b")]), extra_headers=key)
    assert [batch.id for batch in openai.batches.list()] == [made.id]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"input_file_id": f"file-{uuid4().hex}"}, "input_file_id"),
        ({"input_file_id": "nonsense"}, "input_file_id"),
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"endpoint": "/v2/chat/completions"}, "endpoint"),
        ({"completion_window": "a day"}, "completion_window"),
        ({"completion_window": "999d"}, "completion_window"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata.*16"),
        ({"metadata": {"k" * 65: "x"}}, "64"),
        ({"metadata": {"k": "x" * 513}}, "512"),
        ({"metadata": {"k": "\0"}}, "NUL"),
        ({"metadata": {"k": 5}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "seconds"),
        ({"extra_body": {"colour": "red"}}, "colour"),
    ],
)
def test_a_batch_that_is_wrong_is_refused_by_its_field(
    openai: OpenAI, database: Database, asked: dict[str, Any], says: str
) -> None:
    file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
    fine = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
    with pytest.raises(APIStatusError, match=says) as refused:
        openai.batches.create(**(fine | asked))
    assert 400 <= refused.value.status_code < 500
    assert scalar(database, "SELECT count(*) FROM openai_batch") == 0
