"""Chat completions from ended jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specreason.reasoning.steps import StopReason
from specreason.store.openai.status import Usage
from specreason.store.read.results import EndedJob
from specreason.store.tables.states import JobState


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


def finish_reason(job: EndedJob) -> str:
    """Why the answer ends, in OpenAI's words."""
    return "stop" if job.is_complete or job.stop_reason is StopReason.ANSWERED else "length"


def _choice(job: EndedJob) -> dict[str, Any]:
    """vLLM's clients read the thinking as `reasoning`, those of older versions and of others as `reasoning_content`."""
    return {
        "index": job.repeat,
        "message": {
            "role": "assistant",
            "content": job.answer_text.strip(),
            "reasoning": job.reasoning,
            "reasoning_content": job.reasoning,
            "refusal": None,
        },
        "logprobs": None,
        "finish_reason": finish_reason(job),
    }


def counted_usage(succeeded: Sequence[EndedJob]) -> Usage:
    """The token counts. As with OpenAI, the prompt counts once, whatever the number of choices."""
    thinking = sum(job.think_tokens for job in succeeded)
    return Usage(
        input_tokens=max((job.prompt_tokens for job in succeeded), default=0),
        output_tokens=thinking + sum(job.answer_tokens for job in succeeded),
        reasoning_tokens=thinking,
    )


def usage_of(succeeded: Sequence[EndedJob]) -> dict[str, Any]:
    """The token counts of a chat completion."""
    usage = counted_usage(succeeded)
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
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
