"""Input files for OpenAI's batches, and an end to their jobs, for tests that need no worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.store.builders import claimed, start_worker
from tests.support.store.sql import rows_of

ENDPOINT = "/v1/chat/completions"


def line(custom_id: str, problem: str = "What is 2 + 2?", **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": problem}]
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": ENDPOINT,
        "body": {"model": "scripted", "messages": messages, **body},
    }


def jsonl(lines: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def end_all(database: Database, outcome: Callable[[int], JobResult], *, leave: int = 0) -> None:
    """Let a worker end the queued jobs in their order."""
    worker_id = start_worker(database)
    queued = rows_of(database, "SELECT id FROM job WHERE state = 'queued' ORDER BY id")
    for number, (job_id,) in enumerate(queued[: len(queued) - leave]):
        assert finish(database, claimed(database, job_id, worker_id), outcome(number))


def succeeded(number: int) -> JobResult:
    return JobResult(state=JobState.SUCCEEDED, answer=str(number))
