"""Stored batches whose drafts are scored, over exercises whose truth is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from specreason.config import RunConfig
from specreason.grading.exercises import Exercise, Op
from specreason.reasoning.steps import StepRecord
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import (
    PAIR,
    accepted,
    answer,
    append_all,
    claimed,
    completion,
    insert_batch,
    job_ids,
    rejected,
    start_worker,
)
from tests.support.store.grading import grade_all

# 47, 55, 30, 21.
EXERCISE = Exercise(47, (Op("add", 8), Op("multiply", 6), Op("subtract", 9)))
CONFIG = RunConfig(threshold=7.0)


def trace() -> tuple[StepRecord, ...]:
    """Three right drafts that were kept, a wrong one that was rejected, and a wrong one that was kept."""
    wrong = replace(
        rejected(1),
        draft=completion("Step B: 55 times 6 is 31.\n\n"),
        kept_text="Step B: 55 times 6 is 30.\n\n",
    )
    return (
        accepted(0, "Step A: 47 plus 8 is 55.\n\n"),
        wrong,
        accepted(2, "Step C: 30 minus 9 is 22.\n\n"),
        accepted(3, "Wait, step C should be: 30 minus 9 is 21.\n\n"),
        accepted(4, "That was the last step, so the result is 21.\n</think>"),
        answer(5),
    )


def judged_batch(
    database: Database,
    answers: Sequence[str] = ("21", "21", "99"),
    *,
    config: RunConfig = CONFIG,
    steps: Sequence[StepRecord] | None = None,
    problem: str = EXERCISE.text,
    num_unstarted: int = 0,
) -> UUID:
    """A batch of graded jobs with these answers, one for each problem, all with the same steps; and of queued ones."""
    num_problems = len(answers) + num_unstarted
    problems = check([NewProblem(text=problem, answer=EXERCISE.answer)] * num_problems)
    batch_id = insert_batch(database, NewBatch(name="judged", pair=PAIR, config=config, problems=problems))
    worker_id = start_worker(database)
    writer = TraceWriter(database)
    for job_id, given in zip(job_ids(database, batch_id), answers, strict=False):
        job = claimed(database, job_id, worker_id)
        asyncio.run(append_all(writer, job, *(trace() if steps is None else steps)))
        assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=given, mean_concurrency=2.0))
    writer.close()
    grade_all(database)
    return batch_id
