"""The lines of the result files, of a batch that ends in any way: each request once, with the answer that it got."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI
from openai.types import Batch

from specreason.errors import PromptTooLong
from specreason.reasoning.budget import context_end
from specreason.store.queue.dispatch import expire_deadlines
from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.openai import create, lines_of, reaches
from tests.support.api.openai_builders import ENDPOINT, end_all, jsonl, line, succeeded
from tests.support.messages import names
from tests.support.store.sql import execute, rows_of

GIVEN = Path(__file__).parents[2] / "data" / "openai" / "too-long.jsonl"
FAILED = JobResult(state=JobState.FAILED, error="no")
THREE_TWICE = jsonl([line(name, n=2) for name in "abc"])


def requests_in(openai: OpenAI, done: Batch) -> Counter[str]:
    """How often each `custom_id` is in both files together."""
    file_ids = [each for each in (done.output_file_id, done.error_file_id) if each is not None]
    return Counter(line["custom_id"] for each in file_ids for line in lines_of(openai, each))


@pytest.mark.parametrize("num_ended", [0, 1, 3, 5])
@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_batch_that_ends_early_has_each_request_once_in_its_files(
    openai: OpenAI, database: Database, end: str, num_ended: int
) -> None:
    made = create(openai, THREE_TWICE)
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: FAILED if number % 4 == 1 else succeeded(number), leave=6 - num_ended)
    if end == "cancelled":
        openai.batches.cancel(made.id)
    else:
        execute(database, "UPDATE job SET deadline_at = now() - interval '1 s' WHERE finished_at IS NULL")
        expire_deadlines(database)
    done = reaches(openai, made.id, end, "completed")
    assert requests_in(openai, done) == {"a": 1, "b": 1, "c": 1}
    assert done.request_counts is not None
    assert done.request_counts.completed + done.request_counts.failed == 3
    if done.error_file_id is not None:
        for unanswered in lines_of(openai, done.error_file_id):
            assert (unanswered["response"] is None) == (unanswered["error"] is not None)


def test_a_line_keeps_the_repeats_that_had_ended_when_the_batch_was_cancelled(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("a", n=3)]))
    reaches(openai, made.id, "in_progress")
    end_all(database, succeeded, leave=1)
    openai.batches.cancel(made.id)
    done = reaches(openai, made.id, "cancelled")
    (output,) = lines_of(openai, done.output_file_id)
    assert [each["index"] for each in output["response"]["body"]["choices"]] == [0, 1]
    assert done.error_file_id is None


@pytest.mark.parametrize(
    ("states", "status_code", "code"),
    [
        (["failed", "failed"], 400, "invalid_request"),
        (["dead", "dead"], 500, "retries_exhausted"),
        (["failed", "dead"], 400, "invalid_request"),
        (["cancelled", "failed"], 400, "invalid_request"),
        (["dead", "expired"], None, "batch_expired"),
        (["dead", "cancelled"], None, "batch_cancelled"),
        (["cancelled", "expired"], None, "batch_expired"),
    ],
)
def test_a_line_without_an_answer_says_what_became_of_its_repeats(
    openai: OpenAI, database: Database, states: list[str], status_code: int | None, code: str
) -> None:
    made = create(openai, jsonl([line("a", n=2)]))
    reaches(openai, made.id, "in_progress")
    for repeat, state in enumerate(states):
        execute(database, f"UPDATE job SET state = '{state}', finished_at = now() WHERE repeat = {repeat}")
    done = reaches(openai, made.id, "completed", "expired")
    (told,) = lines_of(openai, done.error_file_id)
    if status_code is None:
        assert (told["response"], told["error"]["code"]) == (None, code)
        return
    assert told["error"] is None
    response = told["response"]
    assert (response["status_code"], response["body"]["error"]["code"]) == (status_code, code)
    assert response["body"]["error"].keys() == {"message", "type", "param", "code"}
    assert response["request_id"]


def too_long() -> JobResult:
    """The end of a job whose prompt fills the context."""
    with pytest.raises(PromptTooLong) as refused:
        context_end(max_model_len=1024, prompt=3000, closing=1, judge=20, max_answer_tokens=150)
    return JobResult(state=JobState.FAILED, error=str(refused.value))


def test_a_request_that_is_too_long_is_refused_and_the_others_run(openai: OpenAI, database: Database) -> None:
    """The given file; the worker says of its second line what it says of every prompt that is too long."""
    made = create(openai, GIVEN.read_bytes().replace(b'"demo"', b'"scripted"'))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: too_long() if number else succeeded(number))
    done = reaches(openai, made.id, "completed")
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["fine"]
    (refused,) = lines_of(openai, done.error_file_id)
    assert (refused["custom_id"], refused["error"]) == ("too-long", None)
    assert refused["response"]["status_code"] == 400
    error = refused["response"]["body"]["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "messages")
    assert error["code"] == "context_length_exceeded"
    assert names(error["message"], "prompt", 3000, 1024)


def test_a_response_that_is_too_long_is_refused_for_its_input(openai: OpenAI, database: Database) -> None:
    body = {"model": "scripted", "input": "What is 2 + 2?"}
    asked = line("a") | {"url": "/v1/responses", "body": body}
    made = create(openai, jsonl([asked]), endpoint="/v1/responses")
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: too_long())
    (refused,) = lines_of(openai, reaches(openai, made.id, "completed").error_file_id)
    error = refused["response"]["body"]["error"]
    assert (error["param"], error["code"]) == ("input", "context_length_exceeded")


def test_the_model_is_known_once_the_file_is_read_and_the_usage_once_the_results_are_written(
    openai: OpenAI, database: Database
) -> None:
    failed = reaches(openai, create(openai, b"x").id, "failed")
    assert (failed.model, failed.usage) == (None, None)
    made = reaches(openai, create(openai, jsonl([line("a")])).id, "in_progress")
    assert (made.model, made.usage) == ("scripted", None)
    end_all(database, lambda number: FAILED)
    done = reaches(openai, made.id, "completed")
    assert done.usage is not None
    assert (done.usage.total_tokens, done.usage.output_tokens_details.reasoning_tokens) == (0, 0)


@pytest.mark.parametrize("endpoint", ["/chat/completions", "/openai/v1/chat/completions"])
def test_a_batch_may_be_spelled_as_azures_clients_do(
    openai: OpenAI, database: Database, endpoint: str
) -> None:
    urls = [ENDPOINT, "/chat/completions", endpoint]
    lines = [line(str(number)) | {"url": url} for number, url in enumerate(urls)]
    made = reaches(openai, create(openai, jsonl(lines), endpoint=endpoint).id, "in_progress")
    assert made.endpoint == endpoint
    end_all(database, succeeded)
    assert requests_in(openai, reaches(openai, made.id, "completed")).total() == 3


@pytest.mark.parametrize(
    ("endpoint", "url"), [("/v1/responses", ENDPOINT), (ENDPOINT, "/v1/responses"), (ENDPOINT, "/responses")]
)
def test_a_line_for_another_endpoint_than_the_batchs_does_not_match(
    openai: OpenAI, endpoint: str, url: str
) -> None:
    body = line("a")["body"] | ({"input": "What is 2 + 2?"} if endpoint == "/v1/responses" else {})
    failed = reaches(
        openai,
        create(openai, jsonl([line("a") | {"url": url, "body": body}]), endpoint=endpoint).id,
        "failed",
    )
    assert failed.errors is not None
    assert [(each.code, each.param) for each in failed.errors.data or ()] == [("url_mismatch", "url")]


@pytest.mark.parametrize("seed", [-(2**63), -1, 2**53 + 1, 2**63 - 1])
def test_a_seed_reaches_the_row_of_its_job_exactly(openai: OpenAI, database: Database, seed: int) -> None:
    made = create(openai, jsonl([line("a", seed=seed), line("b", specreason={"seed": seed})]))
    reaches(openai, made.id, "in_progress")
    assert rows_of(database, "SELECT seed FROM job") == [(seed,), (seed,)]


@pytest.mark.parametrize(
    "nothing", [{"metadata": None}, {"metadata": {"k": None}}, {"extra_body": {"colour": None}}]
)
def test_null_asks_a_batch_for_nothing(openai: OpenAI, nothing: dict[str, Any]) -> None:
    made = create(openai, jsonl([line("a")]), output_expires_after=None, **nothing)
    assert made.metadata == {}


def test_a_batch_for_an_endpoint_that_there_is_not_is_told_which_there_are(openai: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="/v1/responses"):
        create(openai, jsonl([line("a")]), endpoint="/v1/embeddings")
