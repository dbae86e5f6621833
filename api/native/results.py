"""The results of a batch as JSONL: one line per ended job, in the order of submission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from specreason.store.read.results import EndedJob, ended_jobs

router = APIRouter(prefix="/api")

LINES_PER_CHUNK = 100


@router.get(
    "/batches/{batch_id}/results",
    tags=[Tag.RESULTS],
    summary="Get the results of a batch",
    response_class=StreamingResponse,
    dependencies=[READ],
    responses={200: {"content": {"application/jsonl": {}}}},
)
def get_results(store: Store, viewer: Viewer, batch_id: UUID) -> StreamingResponse:
    """Answers, reasoning, grades and token counts of the ended jobs, one JSON object per line."""
    # In ASCII, because some readers would end a line at U+2028.
    lines = (json.dumps(result_line(job)) for job in ended_jobs(store, viewer, batch_id))
    return StreamingResponse(_chunks(lines), media_type="application/jsonl")


def result_line(job: EndedJob) -> dict[str, Any]:
    """The job's line. Its keys are those of `job_summary`. Texts are null where they were deleted."""
    return {
        "job_id": str(job.job_id),
        "problem_id": job.problem_id,
        "problem_index": job.problem_index,
        "repeat": job.repeat,
        "state": job.state,
        "stop_reason": job.stop_reason,
        "answer": job.answer,
        "answer_text": None if job.texts_deleted else job.answer_text.strip(),
        "reasoning": None if job.texts_deleted else job.reasoning,
        "gold": job.gold,
        "is_correct": job.is_correct,
        "usage": {
            "prompt_tokens": job.prompt_tokens,
            "think_tokens": job.think_tokens,
            "answer_tokens": job.answer_tokens,
            "spent_tokens": job.spent_tokens,
            "inserted_tokens": job.inserted_tokens,
            "num_steps": job.num_steps,
            "num_drafted": job.num_drafted,
            "num_accepted": job.num_accepted,
        },
        "latency_s": job.latency_s,
        "mean_concurrency": job.mean_concurrency,
        "device_s": job.device_s,
        "num_devices": job.num_devices,
        "scheme": job.scheme,
        "threshold": job.threshold,
        "error": job.error,
    }


def _chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Join lines into chunks, because sending a chunk costs more than a line."""
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == LINES_PER_CHUNK:
            yield ("\n".join(chunk) + "\n").encode()
            chunk.clear()
    if chunk:
        yield ("\n".join(chunk) + "\n").encode()
