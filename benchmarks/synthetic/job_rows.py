"""Rows of a drawn batch, of its problems and jobs, and of what happened to the jobs: columns by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.draw import DrawnBatch
from benchmarks.synthetic.runs import IN_FLIGHT, RUNS, DrawnJobs
from benchmarks.synthetic.step_rows import CLOSED, DRAFTED
from benchmarks.synthetic.steps import CODE, DrawnSteps
from benchmarks.synthetic.texts import NUM_OPENINGS, continuations, openings
from specreason.grading.grading import GRADER
from specreason.reasoning.steps import Decision, StopReason
from specreason.store.tables.columns import DEVICE_SECONDS

PAIR = FINGERPRINT = "synthetic"
WORKER = UUID("019a3a00-0000-7000-8000-000000000001")
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def batch_row(drawn: DrawnBatch) -> dict[str, Any]:
    plan = drawn.plan
    config = plan.config
    return {
        "id": drawn.batch_id,
        "name": f"dataset {plan.dataset}, {config.scheme}, run {plan.number % len(RUNS)}",
        "pair": PAIR,
        "config": json.dumps(config.model_dump(mode="json")),
        "config_hash": config.hash(),
        "num_problems": plan.num_problems,
        "num_jobs": plan.num_jobs,
        "metadata": json.dumps({"dataset": f"dataset {plan.dataset}"}),
        "created_at": moment(plan.created_us),
    }


def problem_rows(drawn: DrawnBatch) -> Iterator[dict[str, Any]]:
    first, second = openings().texts, continuations().texts
    dataset = drawn.plan.dataset
    for index, problem_id in enumerate(drawn.problem_ids):
        facts = [(dataset * 7919 + index * 31 + number * 17) % NUM_OPENINGS for number in range(3)]
        said = b" ".join(first[fact] + second[fact].rstrip() for fact in facts).decode()
        yield {
            "id": problem_id,
            "batch_id": drawn.batch_id,
            "index": index,
            "problem_id": f"{dataset}-{index}",
            "text": f"{said} What is the answer?",
            "answer": str(drawn.jobs.gold[index]),
            "source": json.dumps({"level": index % 5 + 1}),
        }


def job_rows(drawn: DrawnBatch) -> Iterator[dict[str, Any]]:
    jobs = drawn.jobs
    sums = _totals(drawn.plan.num_jobs, drawn.steps)
    submitted = moment(drawn.plan.created_us)
    for number, job_id in enumerate(drawn.job_ids):
        failed, resumed = bool(jobs.failed[number]), bool(jobs.first_step[number])
        of_job = {
            name: (float if name.endswith("_s") else int)(values[number]) for name, values in sums.items()
        }
        ran_s = of_job["engine_s"] * (0.5 if resumed else 1.0)
        finished = moment(int(jobs.started_us[number] + of_job["engine_s"] * 1.05e6))
        yield {
            "id": job_id,
            "batch_id": drawn.batch_id,
            "problem_id": drawn.problem_ids[jobs.problem[number]],
            "repeat": int(jobs.repeat[number]),
            "seed": 0,
            "pair": PAIR,
            "state": "failed" if failed else "succeeded",
            "turn": number,
            "fence": 1 + resumed,
            "num_attempts": 1 + resumed,
            "num_lost": int(resumed),
            "worker_id": WORKER,
            "pair_fingerprint": FINGERPRINT,
            "published_at": moment(int(jobs.started_us[number])),
            "concurrency": IN_FLIGHT,
            "mean_concurrency": IN_FLIGHT - number % 10 / 10,
            "resumed": resumed,
            "gradable": True,
            "run_after": submitted,
            "created_at": submitted,
            "started_at": moment(int(jobs.started_us[number])),
            "finished_at": finished,
            "stop_reason": _stop_reason(jobs, number),
            "error": "the base's engine refused the prompt" if failed else None,
            "answer": None if failed else str(jobs.answer[number]),
            "graded_at": None if failed else finished,
            "latency_s": ran_s * 1.02 + 0.05,
            "store_s": ran_s * 0.015,
            "admission_s": 0.1,
            **of_job,
        }


def _stop_reason(jobs: DrawnJobs, number: int) -> StopReason | None:
    if jobs.failed[number]:
        return None
    if jobs.cut[number]:
        return StopReason.TOKEN_BUDGET
    return StopReason.REPEATED_STEP if jobs.circles[number] else StopReason.ANSWERED


def _totals(num_jobs: int, steps: DrawnSteps) -> dict[str, NDArray[Any]]:
    """The sums over each job's steps, by the names of the job's columns."""
    values = steps.values
    thinks, accepted = steps.decision != CODE[Decision.ANSWER], steps.decision == CODE[Decision.ACCEPTED]
    summed = {
        "num_steps": np.ones(len(thinks)),
        "num_drafted": np.isin(steps.decision, DRAFTED),
        "num_accepted": accepted,
        "num_thinking": thinks & ~np.isin(steps.decision, CLOSED),
        "num_by_drafter": accepted,
        "drafter_tokens": values["kept_tokens"] * accepted,
        "think_tokens": values["kept_tokens"] * thinks,
        "answer_tokens": values["kept_tokens"] * ~thinks,
        **{name: values[name] for name in ("spent_tokens", "inserted_tokens", "engine_s", *DEVICE_SECONDS)},
    }
    return {name: np.bincount(steps.job, weights=of, minlength=num_jobs) for name, of in summed.items()}


def grade_rows(drawn: DrawnBatch) -> Iterator[dict[str, Any]]:
    jobs = drawn.jobs
    for number, (job_id, grade_id) in enumerate(zip(drawn.job_ids, drawn.grade_ids, strict=True)):
        if jobs.failed[number]:
            continue
        yield {
            "id": grade_id,
            "job_id": job_id,
            "grader": GRADER,
            "answer": str(jobs.answer[number]),
            "gold": str(jobs.gold[number]),
            "is_correct": bool(jobs.right[number]),
            "detail": "text: the same text" if jobs.right[number] else "number: different numbers",
        }


def attempt_rows(drawn: DrawnBatch) -> Iterator[dict[str, Any]]:
    jobs = drawn.jobs
    for number, job_id in enumerate(drawn.job_ids):
        first_step, started = int(jobs.first_step[number]), moment(int(jobs.started_us[number]))
        outcomes = ["lost"] * (first_step > 0) + ["failed" if jobs.failed[number] else "succeeded"]
        for attempt, outcome in enumerate(outcomes, start=1):
            yield {
                "job_id": job_id,
                "number": attempt,
                "fence": attempt,
                "worker_id": WORKER,
                "first_step": first_step if attempt == len(outcomes) else 0,
                "started_at": started + timedelta(seconds=30 * (attempt - 1)),
                "ended_at": started + timedelta(seconds=30 * attempt),
                "outcome": outcome,
            }


def event_rows(drawn: DrawnBatch) -> Iterator[dict[str, Any]]:
    """As they were written: the submission, then job by job."""
    jobs = drawn.jobs
    yield {
        **dict.fromkeys(("batch_id", "job_id", "worker_id", "kind", "state", "outcome", "created_at")),
        "batch_id": drawn.batch_id,
        "kind": "batch_submitted",
        "created_at": moment(drawn.plan.created_us),
    }
    for number, job_id in enumerate(drawn.job_ids):
        outcome = "failed" if jobs.failed[number] else "succeeded"
        moves = [("job_claimed", "running", None), ("job_ended", outcome, outcome)]
        if jobs.first_step[number]:
            moves[:0] = [("job_claimed", "running", None), ("job_requeued", "queued", "lost")]
        at = moment(int(jobs.started_us[number]))
        for kind, state, of_attempt in moves:
            yield {
                "batch_id": drawn.batch_id,
                "job_id": job_id,
                "worker_id": WORKER,
                "kind": kind,
                "state": state,
                "outcome": of_attempt,
                "created_at": at,
            }


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
