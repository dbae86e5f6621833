"""A worker in a thread that answers every job of one pair at once, for tests of what waits for answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from specreason.reasoning.steps import StepRecord, StopReason
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import (
    PAIR,
    accepted,
    answer,
    append_all,
    claimed,
    rejected,
    start_worker,
)
from tests.support.store.sql import rows_of
from worker.grader import grade_pending

LOOK_EVERY_S = 0.05
SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")
# What a user reads of `steps`.
REASONING = "So 2 + 2 = 4.\n\nWait, 2 + 2 = 4.\n\nThat is all."
CONTENT = r"\boxed{4}"


def steps() -> tuple[StepRecord, ...]:
    """A kept draft, a step that the base wrote again, the end of the thinking, and the answer."""
    return (accepted(0), rejected(1), accepted(2, "That is all.\n</think>\n\n"), answer(3))


@contextmanager
def answering(
    database: Database, *, pair: str = PAIR, result: JobResult = SUCCEEDED, lease_s: float = 600
) -> Iterator[None]:
    """Answer the queued jobs of `pair` with `steps` until the end of the block, and grade them."""
    worker_id = start_worker(database, pair=pair, lease_s=lease_s)
    is_over = threading.Event()

    def answer_all() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            queued = rows_of(database, f"SELECT id FROM job WHERE state = 'queued' AND pair = '{pair}'")
            for (job_id,) in queued:
                answer_one(database, job_id, worker_id, result)
            if queued:
                grade_pending(database)

    thread = threading.Thread(target=answer_all)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def answer_one(
    database: Database,
    job_id: UUID,
    worker_id: UUID,
    result: JobResult = SUCCEEDED,
    told: Sequence[StepRecord] = (),
) -> None:
    writer = TraceWriter(database)
    try:
        job = claimed(database, job_id, worker_id)
        records = told or (steps() if result.state is JobState.SUCCEEDED else ())
        asyncio.run(append_all(writer, job, *records))
        finish(database, job, replace(result))
    finally:
        writer.close()
