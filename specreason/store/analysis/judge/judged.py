"""Reads the scored drafts of a batch as arrays: only its columns of numbers, and of a very large batch only a part."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from specreason.config import RunConfig
from specreason.evaluation.judge.drafts import Drafts, Jobs, JudgedBatch, Written
from specreason.evaluation.scientific import np
from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.analysis.judge.columns import read_columns
from specreason.store.analysis.judge.truth import read_truth
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import words
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import OPEN, JobState
from specreason.store.tables.trace import step

# Of a batch with more steps a part of the problems is read: each takes about a hundred bytes.
MOST_STEPS = 1_000_000
# A multiplier whose hashes spread consecutive numbers (Knuth 6.4).
SPREAD = "(problem.index::int8 * 2654435761 %% 4294967296) * %(parts)s < 4294967296"
_ENDED = f"job.batch_id = %(batch_id)s AND job.state NOT IN ({words(OPEN)}) AND {SPREAD}"
_NAN = "'NaN'"
_JOB = "FROM {job} AS job JOIN problem ON problem.id = job.problem_id"
_TIMED = f"CASE WHEN job.state = '{JobState.SUCCEEDED}' AND NOT job.resumed THEN job.latency_s END"
_JOBS = {
    "problem": ("int4", "problem.index"),
    "repeat": ("int4", "job.repeat"),
    "is_correct": ("float4", f"coalesce(job.is_correct::int::float4, {_NAN})"),
    "latency_s": ("float8", f"coalesce({_TIMED}, {_NAN})"),
    "concurrency": ("float8", f"coalesce(job.mean_concurrency, {_NAN})"),
    "device_s": ("float8", f"coalesce(job.drafter_device_s + job.base_device_s, {_NAN})"),
}
_STEPS = {
    "problem": ("int4", "problem.index"),
    "repeat": ("int4", "job.repeat"),
    "position": ("int4", "step.index"),
    "is_draft": ("int2", "(step.draft_tokens IS NOT NULL)::int"),
    "is_thought": ("int2", "(step.phase = 'think')::int"),
    "is_accepted": ("int2", "(step.decision = 'accepted')::int"),
    "digit": ("int2", "coalesce(step.utility_score, -1)"),
    "expected": ("float8", f"coalesce(step.expected_score, {_NAN})"),
    "non_digit_mass": ("float4", f"coalesce(step.non_digit_mass, {_NAN})"),
    "tokens": ("int4", "coalesce(step.draft_tokens, 0)"),
    "latency_s": ("float4", "coalesce(step.draft_latency_s, 0)"),
    "ahead_s": ("float4", "coalesce(step.draft_ahead_s, 0)"),
    "verify_s": ("float4", "coalesce(step.verify_latency_s, 0)"),
    "written_tokens": ("int4", "coalesce(step.written_tokens, 0)"),
    "written_ttft_s": ("float4", "coalesce(step.written_ttft_s, 0)"),
    "written_s": ("float4", "coalesce(step.written_latency_s, 0)"),
    "drafter_device_s": ("float4", f"coalesce(step.drafter_device_s, {_NAN})"),
    "base_device_s": ("float4", f"coalesce(step.base_device_s, {_NAN})"),
}
_OF_DRAFTS = [
    name for name in _STEPS if name not in ("problem", "repeat", "is_draft", "is_thought", "written_ttft_s")
]
_WRITTEN_OR_DRAFTED = "(step.draft_tokens IS NOT NULL OR step.author = 'base')"


def read_judged(database: Database, viewer: Viewer, batch_id: UUID) -> JudgedBatch:
    """The jobs that have ended and their drafts, with the truth about each draft where it is known. Raises NotFound."""
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        row = connection.execute(select(batch).where(batch.c.id == batch_id)).one()
        parts = _parts(connection, batch_id)
        parameters = {"batch_id": batch_id, "parts": parts}
        of_jobs = f"{_JOB.format(job='job_with_grade')} WHERE {_ENDED}"
        jobs = read_columns(connection, _JOBS, of_jobs, parameters)
        of_steps = f"{_JOB.format(job='job')} JOIN step ON step.job_id = job.id"
        steps = read_columns(
            connection, _STEPS, f"{of_steps} WHERE {_ENDED} AND {_WRITTEN_OR_DRAFTED}", parameters
        )
        drafts, is_draft = _drafts(jobs, steps)
        return JudgedBatch(
            batch_id=batch_id,
            name=row.name,
            pair=row.pair,
            config=_config(connection, batch_id, RunConfig.model_validate(row.config)),
            jobs=Jobs(**{name: jobs[name] for name in _JOBS if name != "repeat"}),
            drafts=drafts,
            written=_written(steps),
            share_read=1 / parts,
            graded=read_truth(connection, batch_id, steps, is_draft),
        )


def _config(connection: Connection, batch_id: UUID, config: RunConfig) -> RunConfig:
    """The configuration with the threshold that was in force, where a batch leaves it to its pair."""
    if config.threshold is not None:
        return config
    of_steps = (
        select(step.c.threshold)
        .join(job, job.c.id == step.c.job_id)
        .where(job.c.batch_id == batch_id, step.c.threshold.is_not(None))
        .limit(1)
    )
    return config.model_copy(update={"threshold": connection.scalar(of_steps)})


def _parts(connection: Connection, batch_id: UUID) -> int:
    """One problem in so many is read."""
    num_steps = select(func.coalesce(func.sum(job.c.num_steps), 0)).where(job.c.batch_id == batch_id)
    return max(1, math.ceil(int(connection.execute(num_steps).scalar_one()) / MOST_STEPS))


def _drafts(jobs: dict[str, Any], steps: dict[str, Any]) -> tuple[Drafts, np.ndarray]:
    """The drafts by job and place, and where they stand among `steps`."""
    num_repeats = int(jobs["repeat"].max(initial=0)) + 1
    key_of_job = jobs["problem"].astype(np.int64) * num_repeats + jobs["repeat"]
    by_key = np.argsort(key_of_job)
    of_drafts = np.flatnonzero(steps["is_draft"])
    key = steps["problem"][of_drafts].astype(np.int64) * num_repeats + steps["repeat"][of_drafts]
    place = np.searchsorted(key_of_job[by_key], key)
    # A job that ended between the two statements is not among the jobs.
    known = np.append(key_of_job[by_key], -1)[place] == key
    of_drafts, number = of_drafts[known], by_key[place[known]]
    order = np.lexsort((steps["position"][of_drafts], number))
    of_drafts, number = of_drafts[order], number[order]
    columns = {name: steps[name][of_drafts] for name in _OF_DRAFTS}
    columns["is_accepted"] = columns["is_accepted"].astype(bool)
    return Drafts(job=number, **columns), of_drafts


def _written(steps: dict[str, Any]) -> Written:
    """What the base wrote, of its thinking if there is some."""
    wrote = steps["written_tokens"] > 0
    thought = wrote & (steps["is_thought"] == 1)
    here = thought if thought.any() else wrote
    return Written(
        num_calls=int(here.sum()),
        ttft_s=float(steps["written_ttft_s"][here].sum(dtype=float)),
        tokens_after=int((steps["written_tokens"][here] - 1).sum(dtype=np.int64)),
        after_s=float((steps["written_s"] - steps["written_ttft_s"])[here].sum(dtype=float)),
    )
