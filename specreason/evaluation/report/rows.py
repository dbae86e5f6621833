"""What a report is made of, as it was read: batches, and columns of their jobs and steps. Values alone.

Columns, not rows, as in `evaluation.runs`. A problem is known by the digest of its text or chat: the same in all
batches that ask it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from specreason.evaluation.report.values import Scalar
from specreason.evaluation.runs import Columns

# Rows that a figure of steps lists at most, and how much of a step's text.
MOST_ROWS = 20
BEGINNING = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBatch:
    """One batch. `config` is its stored configuration, and `threshold` the one in force, also where that is the pair's.

    `dataset` is None where nothing names it. `models` are those of the pair by role, as the worker loaded them: a hub's
    id or a folder, empty where no job has run. `versions` are the fingerprints of the pair that have run its jobs.
    `problems_digest` is equal for batches of the same problems.
    """

    batch_id: UUID
    name: str
    pair: str
    dataset: str | None
    config: Mapping[str, Any]
    threshold: float | None
    models: Mapping[str, str]
    versions: tuple[str, ...]
    problems_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJob:
    """One job. `problem` is the user's name for its problem, or else its index.

    Counts and times are None until it has ended. `draft_s`, `verify_s` and `written_s` are sums over all ended jobs of
    its batch: the seconds that their loops waited for drafts, verdicts and written text.
    """

    batch_id: UUID
    job_id: UUID
    problem: str
    problem_index: int
    problem_digest: int
    repeat: int
    state: str
    is_correct: bool | None
    graded_by: str | None
    is_to_grade: bool
    resumed: bool
    latency_s: float | None
    concurrency: float | None
    kept_tokens: int | None
    drafter_tokens: int | None
    spent_tokens: int | None
    num_steps: int | None
    num_drafted: int | None
    num_accepted: int | None
    engine_s: float | None
    draft_s: float | None
    verify_s: float | None
    written_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardedStep:
    """One draft that a process reward model scored: `score` is 0 to 1, `utility_score` the base's digit."""

    batch_id: UUID
    problem_digest: int
    prm: str
    revision: str
    score: float
    utility_score: int
    is_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenStep:
    """The first step of a job at which the base wrote again; `text` is how the rejected draft begins."""

    job_id: UUID
    step: int
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStep:
    """A step of thinking. `seconds` are those that the loop waited for its draft, verdict and written text."""

    batch_id: UUID
    job_id: UUID
    problem: str
    repeat: int
    step: int
    decision: str
    author: str | None
    seconds: float
    kept_tokens: int
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRows:
    """All of it. `jobs` are the columns of ReportJob, `rewards` those of RewardedStep.

    `sql` has by figure the statement whose rows it is made of. Of very many steps one in `parts` problems is read.
    """

    batches: Sequence[ReportBatch]
    jobs: Columns
    rewards: Columns
    slowest: Sequence[SlowStep]
    sql: Mapping[str, str]
    parts: int = 1


Row = tuple[Scalar, ...]
