"""Lines of the output file and the error file, from ended jobs.

A line whose request got an answer of HTTP has a `response`, and its `error` is null: 200 if a repeat succeeded, 400 if
the request is refused, 500 if every attempt at it failed. Only a request that was never answered has an `error`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from api.openai.output import completion_of, counted_usage, trace_ids
from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import INVALID
from api.openai.response_object import response_of
from specreason.errors import PromptTooLong
from specreason.store.access.visibility import Viewer
from specreason.store.openai.status import Usage
from specreason.store.read.results import EndedJob, ended_jobs_by_problem
from specreason.store.session import Database
from specreason.store.tables.states import JobState

# OpenAI's code and message for a request that was not answered.
UNANSWERED = {
    JobState.EXPIRED: ("batch_expired", "the completion window closed before this request had ended"),
    JobState.CANCELLED: ("batch_cancelled", "the request was cancelled before it had ended"),
}
# Of a line without a successful repeat, the repeat that is furthest to the left here says what became of it.
TELLING = (JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED, JobState.DEAD)
TOO_LONG = "context_length_exceeded"
# The field of the request that is too long.
PROMPT_OF = {Endpoint.CHAT: "messages", Endpoint.RESPONSES: "input"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """One line of the output file if the request succeeded, else of the error file."""

    succeeded: bool
    content: bytes
    usage: Usage


def result_lines(database: Database, batch_ids: Sequence[UUID], endpoint: Endpoint) -> Iterator[ResultLine]:
    """One line per line of the input. The lines are ASCII, because some readers would end a line at U+2028."""
    for batch_id in batch_ids:
        ended = ended_jobs_by_problem(database, Viewer.EVERYONE, batch_id)
        for _, repeats in groupby(ended, lambda job: job.problem_row):
            jobs = list(repeats)
            succeeded = [job for job in jobs if job.state is JobState.SUCCEEDED]
            line = output_line(jobs, endpoint) if succeeded else error_line(jobs, endpoint)
            yield ResultLine(
                succeeded=bool(succeeded),
                content=json.dumps(line).encode() + b"\n",
                usage=counted_usage(succeeded),
            )


def output_line(jobs: Sequence[EndedJob], endpoint: Endpoint) -> dict[str, Any]:
    """The output of a line with a successful repeat."""
    body = completion_of(jobs) if endpoint is Endpoint.CHAT else response_of(jobs)
    return {**_head(jobs), "response": _response(jobs, 200, body), "error": None}


def error_line(jobs: Sequence[EndedJob], endpoint: Endpoint) -> dict[str, Any]:
    """The error of a line without a successful repeat."""
    told = min(jobs, key=lambda job: TELLING.index(job.state))
    if told.state in UNANSWERED:
        code, message = UNANSWERED[told.state]
        error = {"code": code, "message": told.error or message}
        return {**_head(jobs), "response": None, "error": error, "specreason": trace_ids(jobs)}
    status, answer = failed(told) if told.state is JobState.DEAD else refused(told, endpoint)
    response = _response(jobs, status, {"error": answer})
    return {**_head(jobs), "response": response, "error": None, "specreason": trace_ids(jobs)}


def refused(job: EndedJob, endpoint: Endpoint) -> tuple[int, dict[str, Any]]:
    """The request cannot succeed, because of what it asks for."""
    message = job.error or "the request cannot succeed"
    is_too_long = PromptTooLong.SAYS in message
    return 400, {
        "message": message,
        "type": "invalid_request_error",
        "param": PROMPT_OF[endpoint] if is_too_long else None,
        "code": TOO_LONG if is_too_long else INVALID,
    }


def failed(job: EndedJob) -> tuple[int, dict[str, Any]]:
    """The request may succeed another time: this time every attempt at it failed."""
    message = job.error or "every attempt at the request ended in an error"
    return 500, {"message": message, "type": "server_error", "param": None, "code": "retries_exhausted"}


def _response(jobs: Sequence[EndedJob], status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": _request_id(jobs), "body": body}


def _head(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    return {"id": f"batch_{_request_id(jobs)}", "custom_id": jobs[0].problem_id}


def _request_id(jobs: Sequence[EndedJob]) -> str:
    return f"req_{jobs[0].problem_row.hex}"
