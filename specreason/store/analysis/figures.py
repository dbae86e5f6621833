"""Reads what the figures of a batch are made of: the columns of its jobs, and the calls behind their steps."""

from __future__ import annotations

import math
from uuid import UUID

from specreason.evaluation.figures.calls import Calls
from specreason.evaluation.figures.figures import batch_figures
from specreason.evaluation.figures.values import BatchFigures
from specreason.evaluation.runs import Run, is_measured
from specreason.grading.votes import vote_of
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.judge.columns import read_columns
from specreason.store.analysis.judge.judged import MOST_STEPS, SPREAD
from specreason.store.analysis.runs import read_run
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState

# The fields of Calls.
_CALLS = {
    "problem": ("int4", "problem.index"),
    "repeat": ("int4", "job.repeat"),
    "is_draft": ("int2", "(step.draft_tokens IS NOT NULL)::int"),
    "is_accepted": ("int2", "(step.decision = 'accepted')::int"),
    "draft_tokens": ("int4", "coalesce(step.draft_tokens, 0)"),
    "draft_ttft_s": ("float4", "coalesce(step.draft_ttft_s, 0)"),
    "draft_s": ("float4", "coalesce(step.draft_latency_s, 0)"),
    "waited_s": (
        "float4",
        "coalesce(step.draft_latency_s - step.draft_ahead_s + step.verify_latency_s, 0)",
    ),
    "is_written": ("int2", "(step.written_tokens IS NOT NULL)::int"),
    "by_base": ("int2", "(step.author IS NOT DISTINCT FROM 'base')::int"),
    "written_tokens": ("int4", "coalesce(step.written_tokens, 0)"),
    "written_ttft_s": ("float4", "coalesce(step.written_ttft_s, 0)"),
    "written_s": ("float4", "coalesce(step.written_latency_s, 0)"),
    "kept_tokens": ("int4", "step.kept_tokens"),
}
_OF_BATCH = f"""
    FROM job
    JOIN problem ON problem.id = job.problem_id
    JOIN step ON step.job_id = job.id
    WHERE job.batch_id = %(batch_id)s AND job.state = '{JobState.SUCCEEDED}' AND {SPREAD}
        AND (step.draft_tokens IS NOT NULL OR step.written_tokens IS NOT NULL)
"""


def read_figures(database: Database, viewer: Viewer, batch_id: UUID, *, k: int | None = None) -> BatchFigures:
    """The figures of a batch. Of one with more than MOST_STEPS steps those of a part of the problems are read.

    Raises NotFound, and InvalidField for a k that no problem has repeats for.
    """
    with transaction(database) as connection:
        run = read_run(connection, batch_id, viewer)
        parts = max(1, math.ceil(_num_steps(run) / MOST_STEPS))
        calls = read_columns(connection, _CALLS, _OF_BATCH, {"batch_id": batch_id, "parts": parts})
    return batch_figures(run, Calls(**calls), vote_of=vote_of, k=k, share_read=1 / parts)


def _num_steps(run: Run) -> int:
    return sum(
        number or 0
        for number, state in zip(run.jobs["num_steps"], run.jobs["state"], strict=True)
        if is_measured(state)
    )
