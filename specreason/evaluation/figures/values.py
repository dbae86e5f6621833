"""What the rows of one batch say, as values. Every figure has an interval over problems, and each group says how many
jobs and problems it is over: only jobs that succeeded. A group is None where there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from specreason.evaluation.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class AtK:
    """pass@k or majority@k over the problems that have k graded repeats. Each problem weighs the same."""

    k: int
    share: Interval
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RightAnswers:
    """Shares of right answers over graded jobs. pass@k and majority@k for k = 2, 4, … and the most repeats.

    For k = 1 both are pass@1, which weighs each job the same.
    """

    pass_at_1: Interval
    pass_at_k: tuple[AtK, ...]
    majority_at_k: tuple[AtK, ...]
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds per job, of jobs that ran in one attempt.

    Two of them compare only where `concurrency` is about the same: the jobs in flight on a worker, as a mean over
    these jobs, and None where no job knows it.
    """

    mean: Interval
    p50: Interval
    p95: Interval
    concurrency: float | None
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """A figure over `num_calls` calls, in seconds."""

    mean: Interval
    p50: Interval
    p95: Interval
    p99: Interval
    num_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The generate calls of one model. Each call weighs the same, but each token does in `tokens_per_s`.

    That is the speed of one call after its first token. It and `tpot` are over calls of two and more tokens, and None
    where there are none.
    """

    ttft: Percentiles
    tpot: Percentiles | None
    tokens_per_s: Interval | None
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """`kept`, `spent` and `wasted` are means per job; `wasted_share` is of the spent tokens.

    `drafter_steps` and `drafter_tokens` are the drafter's shares of the steps of thinking that a model wrote, and of
    the kept tokens. `speedup_limit` is the speedup over the base alone if drafts and verdicts took no time.
    """

    kept: Interval
    spent: Interval
    wasted: Interval
    wasted_share: Interval | None
    drafter_steps: Interval | None
    drafter_tokens: Interval | None
    speedup_limit: Interval | None
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """`acceptance` is of `num_drafts` drafts, over the jobs that have some.

    `break_even` is the acceptance from which on drafting pays, and `margin` how far acceptance lies above it. Both are
    None where the base wrote nothing itself, so that nobody knows what it would have taken.
    """

    acceptance: Interval
    break_even: Interval | None
    margin: Interval | None
    num_drafts: int
    num_jobs: int
    num_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFigures:
    """All of it. `says` is one sentence, and `remarks` are what is missing or to be doubted.

    Of a very large batch `share_read` is the share of its problems whose steps were read: `drafting` and the two models
    are over these.
    """

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    says: str
    remarks: tuple[str, ...]
    num_problems: int
    num_jobs: int
    num_succeeded: int
    share_read: float
    right_answers: RightAnswers | None
    latency: Latency | None
    tokens: Tokens | None
    drafting: Drafting | None
    drafter: Serving | None
    base: Serving | None
