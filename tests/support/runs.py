"""Runs of two batches without a store, for tests of what is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from specreason.evaluation.runs import Columns, Run, RunJob, RunProblem

THEN = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRADER = "layers 1"


def run_job(index: int, repeat: int, *, is_correct: bool | None, **values: Any) -> RunJob:
    """A job that took 2 s, at 4 in flight, and kept 80 of 100 tokens: 30 of the drafter's in 4 of 8 steps."""
    job = RunJob(
        job_id=UUID(int=1000 * index + repeat),
        problem_index=index,
        repeat=repeat,
        state="succeeded",
        answer="4" if is_correct else "5",
        is_correct=is_correct,
        graded_by=None if is_correct is None else GRADER,
        is_gradable=True,
        is_final=is_correct is not None,
        resumed=False,
        latency_s=2.0,
        concurrency=4.0,
        pair_fingerprint="one",
        num_steps=10,
        num_thinking=8,
        num_by_drafter=4,
        num_drafted=6,
        num_accepted=4,
        kept_tokens=80,
        drafter_tokens=30,
        spent_tokens=100,
        drafter_device_s=0.25,
        base_device_s=0.75,
        drafter_prefill_s=0.0,
        base_prefill_s=0.25,
        num_devices=2,
    )
    return replace(job, **values)


def columns(kind: type[Any], rows: Sequence[Any]) -> Columns:
    """The values of rows of this kind, field by field."""
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}


def run_of(
    grades: Sequence[Sequence[bool | None]],
    *,
    config: dict[str, Any] | None = None,
    problem: Callable[[int], dict[str, Any]] = lambda index: {},
    job: Callable[[int, int], dict[str, Any]] = lambda index, repeat: {},
    **values: Any,
) -> Run:
    """A run with these grades of each problem's repeats. `problem` and `job` give other values by index and repeat."""
    problems = tuple(
        replace(
            RunProblem(problem_id=f"p{index}", gold="4", digest=index),
            **problem(index),
        )
        for index in range(len(grades))
    )
    jobs = tuple(
        run_job(index, repeat, is_correct=is_correct, **job(index, repeat))
        for index, of_problem in enumerate(grades)
        for repeat, is_correct in enumerate(of_problem)
    )
    run = Run(
        batch_id=UUID(int=1),
        name="sums",
        pair="demo",
        config={"scheme": "base", "repeats": 1} if config is None else config,
        created_at=THEN,
        problems=columns(RunProblem, problems),
        jobs=columns(RunJob, jobs),
    )
    return replace(run, **values)
