"""A worker in a thread that answers every job of one pair at once, for tests of what waits for answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from specreason.reasoning.steps import StepRecord, StopReason
from specreason.store.queue.jobs import JobResult, finish, retry
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
from tests.support.store.sql import execute, rows_of

LOOK_EVERY_S = 0.05
SUCCEEDED = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4")
# What a user reads of `steps`.
REASONING = "So 2 + 2 = 4.\n\nWait, 2 + 2 = 4.\n\nThat is all."
CONTENT = r"\boxed{4}"
# As a grader does: the thread may not run the project's own, which needs signals.
GRADE = """
    WITH graded AS (
        INSERT INTO grade (id, job_id, grader, is_correct)
        SELECT gen_random_uuid(), job.id, 'same text', job.answer = problem.answer
        FROM job JOIN problem ON problem.id = job.problem_id
        WHERE job.gradable AND job.state = 'succeeded' AND job.graded_at IS NULL
        RETURNING job_id
    )
    UPDATE job SET graded_at = now() FROM graded WHERE job.id = graded.job_id
"""


def steps() -> tuple[StepRecord, ...]:
    """A kept draft, a step that the base wrote again, the end of the thinking, and the answer."""
    return (accepted(0), rejected(1), accepted(2, "That is all.\n</think>\n\n"), answer(3))


@contextmanager
def answering(
    database: Database, *, pair: str = PAIR, result: JobResult = SUCCEEDED, only: str | None = None
) -> Iterator[None]:
    """Answer the queued jobs of `pair` with `steps` until the end of the block, and grade them.

    `only`: those of batches with this name.
    """
    worker_id = start_worker(database, pair=pair, lease_s=600)
    waiting = f"""SELECT job.id FROM job JOIN batch ON batch.id = job.batch_id
                  WHERE state = 'queued' AND job.pair = '{pair}'"""
    if only is not None:
        waiting += f" AND batch.name = '{only}'"
    is_over = threading.Event()

    def answer_all() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            queued = rows_of(database, waiting)
            for (job_id,) in queued:
                answer_one(database, job_id, worker_id, result)
            if queued:
                execute(database, GRADE)

    thread = threading.Thread(target=answer_all)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def answer_one(database: Database, job_id: UUID, worker_id: UUID, result: JobResult) -> None:
    """Store what a run of the job stores; one that does not succeed has no steps."""
    writer = TraceWriter(database)
    try:
        job = claimed(database, job_id, worker_id)
        if result.state is JobState.SUCCEEDED:
            asyncio.run(append_all(writer, job, *steps()))
        if result.state is JobState.DEAD:
            retry(database, job, result.error or "", max_attempts=1)
        else:
            finish(database, job, result)
    finally:
        writer.close()
