"""Responses from ended jobs: a reasoning item, and a message with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.openai.output import counted_usage, finish_reason, trace_ids
from specreason.store.read.results import EndedJob
from specreason.store.tables.states import JobState


def response_of(jobs: Sequence[EndedJob]) -> dict[str, Any]:
    """The response of the first successful repeat, of which there is one at least: a response has one answer."""
    job = next(job for job in jobs if job.state is JobState.SUCCEEDED)
    status = "completed" if finish_reason(job) == "stop" else "incomplete"
    return {
        "id": f"resp_{job.problem_row.hex}",
        "object": "response",
        "created_at": int(job.finished_at.timestamp()),
        "model": job.pair,
        "status": status,
        "error": None,
        "incomplete_details": None if status == "completed" else {"reason": "max_output_tokens"},
        "output": [_reasoning(job), _message(job, status)],
        "usage": _usage(job),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "specreason": trace_ids(jobs),
    }


def _reasoning(job: EndedJob) -> dict[str, Any]:
    """The thinking is in the content, whole; no model writes a summary of it."""
    return {
        "id": f"rs_{job.job_id.hex}",
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": job.reasoning}],
    }


def _message(job: EndedJob, status: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": job.answer_text.strip(), "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{job.job_id.hex}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [text],
    }


def _usage(job: EndedJob) -> dict[str, Any]:
    usage = counted_usage([job])
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
