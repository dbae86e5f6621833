"""What a comparison of two batches, A and B, says. Values alone: `compare` makes them.

Every figure of A and of B is over the same jobs: those of matched problems and repeats for which both know it. A
difference is B less A, and a ratio B over A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from specreason.evaluation.intervals import Interval


class Outcome(StrEnum):
    """What became of a problem in B, against A: more or fewer of its repeats are right there."""

    WON = "won"
    LOST = "lost"
    TIED = "tied"
    UNGRADED = "ungraded"  # no repeat has a grade in both


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of A and of B, over `num_jobs` jobs of each on `num_problems` problems. None: there is none.

    `ratio` is only there for what cannot be negative: times, tokens and costs.
    """

    a: Interval | None
    b: Interval | None
    difference: Interval | None
    ratio: Interval | None
    num_problems: int
    num_jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of both batches. The last five counts are of its jobs in matched pairs.

    `concurrency` is the mean number of jobs in flight while the compared latencies were measured.
    """

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    created_at: datetime
    num_problems: int
    num_jobs: int
    num_problems_left_out: int
    num_jobs_left_out: int
    num_open: int
    num_unsuccessful: int
    num_to_grade: int
    num_resumed: int
    num_unmeasured: int
    concurrency: float | None
    graders: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A knob with another value in B than in A; None where a batch does not have it."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Matched problems by what became of them, and how likely so large a difference is without any reason.

    `mcnemar_p` is the exact test of won against lost problems, `bootstrap_p` that of the difference of pass@1, by the
    signs that the problems' differences might have by chance. Both are two-sided.
    """

    num_won: int
    num_lost: int
    num_tied: int
    num_ungraded: int
    mcnemar_p: float | None
    bootstrap_p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures themselves. None: not known of any pair of jobs.

    All are of jobs that succeeded, but for the cost per right answer, which includes what other ended jobs took.
    `pass_at_k` and `majority_at_k` are over the problems with `k` graded repeats in both. Latencies are seconds of
    jobs that succeeded in one attempt; `speedup` is the mean latency of A over that of B. Tokens and costs are per job.
    `gpu_s` are GPU-seconds of jobs that succeeded: device time, each device counted; prices follow from that of a
    GPU-hour, if one is set.
    `step_acceptance` is of drafts; `drafter_steps` and `drafter_tokens` are the drafter's shares of the steps of
    thinking and of the kept tokens.
    """

    pass_at_1: Figure | None
    pass_at_k: Figure | None
    majority_at_k: Figure | None
    latency_s: Figure | None
    latency_p50_s: Figure | None
    latency_p95_s: Figure | None
    speedup: Interval | None
    kept_tokens: Figure | None
    spent_tokens: Figure | None
    wasted_tokens: Figure | None
    gpu_s: Figure | None
    gpu_s_per_right_answer: Figure | None
    price: Figure | None
    price_per_right_answer: Figure | None
    step_acceptance: Figure | None
    drafter_steps: Figure | None
    drafter_tokens: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two batches, problem by problem.

    `says` are sentences: what the figures allow to say. `warnings` are reasons to doubt them. `matched_by` is what
    matched problems have in common, "id" or "text".
    """

    says: tuple[str, ...]
    warnings: tuple[str, ...]
    a: Side
    b: Side
    matched_by: str
    num_problems: int
    num_pairs: int
    k: int | None
    knobs: tuple[Knob, ...]
    outcomes: Outcomes
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPair:
    """One repeat of a matched problem in both batches.

    `outcome` is a word of Outcome, that of the problem over all its repeats. It and `matched_by` of a comparison are
    plain text, because a newer server may use other words. A latency is None unless the job succeeded in one attempt.
    """

    problem_id: str | None
    problem: str  # how its text begins
    gold: str | None
    index_a: int
    index_b: int
    repeat: int
    outcome: str
    job_a: UUID
    job_b: UUID
    state_a: str
    state_b: str
    is_correct_a: bool | None
    is_correct_b: bool | None
    answer_a: str | None
    answer_b: str | None
    latency_a_s: float | None
    latency_b_s: float | None
    spent_tokens_a: int | None
    spent_tokens_b: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One step of a trace where it parts from another."""

    decision: str
    author: str | None
    score: int | None
    draft_text: str | None
    kept_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where the traces of two jobs part: the first step whose kept text differs, and which one has no such step.

    `index` is None where all steps so far have the same text. `decided` is the first step that was decided otherwise:
    by another score, decision or author. `num_same_characters` of both texts at `index` are the same. `lacks_texts`:
    texts of one of the jobs are not stored, as after an import without them, and `index` is None.
    """

    job_a: UUID
    job_b: UUID
    same_problem: bool
    num_steps_a: int
    num_steps_b: int
    index: int | None
    decided: int | None
    num_same_characters: int | None
    step_a: TraceStep | None
    step_b: TraceStep | None
    lacks_texts: bool = False
