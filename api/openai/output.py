"""Lines of the output file and the error file, from ended jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.read.results import EndedJob, ended_jobs_by_problem
from specreason.store.session import Database
from specreason.store.tables.states import JobState

# OpenAI's code and message for a request that did not succeed.
CODES = {
    JobState.EXPIRED: ("batch_expired", "the completion window closed before this request had ended"),
    JobState.CANCELLED: ("batch_cancelled", "the request was cancelled before it had ended"),
    JobState.FAILED: ("request_failed", "the request cannot succeed"),
    JobState.DEAD: ("retries_exhausted", "every attempt at the request ended in an error"),
}


def result_lines(database: Database, batch_ids: Sequence[UUID]) -> Iterator[tuple[bool, bytes]]:
    """One line per line of the input, and whether that one succeeded.

    The lines are ASCII, because some readers would end a line at U+2028.
    """
    for batch_id in batch_ids:
        ended = ended_jobs_by_problem(database, Viewer.EVERYONE, batch_id)
        for _, repeats in groupby(ended, lambda job: job.problem_row):
            jobs = list(repeats)
            succeeded = any(job.state is JobState.SUCCEEDED for job in jobs)
            line = output_line(jobs) if succeeded else error_line(jobs)
            yield succeeded, json.dumps(line).encode() + b"\n"


def output_line(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """The output of a line with a successful repeat."""
    response = {"status_code": 200, "request_id": _request_id(jobs), "body": completion_of(jobs)}
    return {**_head(jobs), "response": response, "error": None}


def completion_of(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """A chat completion. `choices` are the successful repeats, of which there is one at least."""
    succeeded = [job for job in jobs if job.state is JobState.SUCCEEDED]
    return {
        "id": f"chatcmpl-{jobs[0].problem_row.hex}",
        "object": "chat.completion",
        "created": int(max(job.finished_at for job in succeeded).timestamp()),
        "model": jobs[0].pair,
        "choices": [_choice(job) for job in succeeded],
        "usage": usage_of(succeeded),
        "specreason": trace_ids(jobs),
    }


def error_line(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """The error of a line without a successful repeat."""
    code, message = CODES[jobs[0].state]
    error = {"code": code, "message": jobs[0].error or message}
    return {**_head(jobs), "response": None, "error": error, "specreason": trace_ids(jobs)}


def failure_of(jobs: Sequence[EndedJob]) -> tuple[int, str, str]:
    """The HTTP status, code and message of a live request without a successful repeat."""
    first = jobs[0]
    if first.state is JobState.EXPIRED:
        message = "the request had not ended at its deadline (SPECREASON_CHAT_S); in a batch it has more time"
        return 504, "deadline_exceeded", message
    if first.state is JobState.CANCELLED:
        return 409, "cancelled", "somebody cancelled the request before it had ended"
    code, message = CODES[first.state]
    return 400 if first.state is JobState.FAILED else 500, code, first.error or message


def _head(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    return {"id": f"batch_{_request_id(jobs)}", "custom_id": jobs[0].problem_id}


def _request_id(jobs: Sequence[EndedJob]) -> str:
    return f"req_{jobs[0].problem_row.hex}"


def finish_reason(job: EndedJob) -> str:
    """Why the answer ends, in OpenAI's words."""
    return "stop" if job.is_complete or job.stop_reason is StopReason.ANSWERED else "length"


def _choice(job: EndedJob) -> dict[str, Any]:
    return {
        "index": job.repeat,
        "message": {
            "role": "assistant",
            "content": job.answer_text.strip(),
            "reasoning_content": job.reasoning,
            "refusal": None,
        },
        "logprobs": None,
        "finish_reason": finish_reason(job),
    }


def usage_of(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """The token counts. As with OpenAI, the prompt counts once, whatever the number of choices."""
    prompt = max(job.prompt_tokens for job in jobs)
    thinking = sum(job.think_tokens for job in jobs)
    completion = thinking + sum(job.answer_tokens for job in jobs)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }


def trace_ids(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """The ids and counts of each repeat. Its trace is at `/api/jobs/{job_id}/steps`."""
    return {
        "batch_id": str(jobs[0].batch_id),
        "job_id": str(jobs[0].job_id),
        "jobs": [
            {
                "job_id": str(job.job_id),
                "index": job.repeat,
                "state": job.state,
                "stop_reason": job.stop_reason,
                "answer": job.answer,
                "num_steps": job.num_steps,
                "num_drafted": job.num_drafted,
                "num_accepted": job.num_accepted,
                "spent_tokens": job.spent_tokens,
                "error": job.error,
            }
            for job in jobs
        ],
    }
