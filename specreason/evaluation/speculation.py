"""What drafting brought: how much of it was kept, what was wasted, and from which acceptance on it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.evaluation.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """Sums over the steps of all jobs of one problem. Times are in seconds.

    `num_steps` and `num_drafter_steps` are steps of thinking that a model wrote, in all and kept from the drafter.
    `drafting_s` is the waiting for drafts and verdicts, and `drafted_tokens` the kept tokens of drafted steps.
    `num_base_calls` are the generate calls of the base: `ttft_s` until their first tokens, `base_s` for the
    `base_tokens` after these.
    """

    num_jobs: int
    num_steps: int
    num_drafter_steps: int
    num_drafted: int
    num_accepted: int
    kept_tokens: int
    drafter_tokens: int
    spent_tokens: int
    drafted_tokens: int = 0
    drafting_s: float = 0.0
    num_base_calls: int = 0
    ttft_s: float = 0.0
    base_s: float = 0.0
    base_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """Shares and means with intervals over problems. None where there is nothing to divide by, such as no drafts.

    `acceptance` is of drafts; `drafter_steps` and `drafter_tokens` are the drafter's shares of steps and kept tokens;
    `kept_tokens`, `spent_tokens` and `wasted_tokens` are means per job, and `wasted_share` is of the spent tokens.
    `break_even` is the acceptance from which on drafting pays, and `margin` how far acceptance lies above it.
    `speedup_limit` is the speedup over the base alone if drafts and verdicts took no time.
    """

    acceptance: Interval | None
    drafter_steps: Interval | None
    drafter_tokens: Interval | None
    kept_tokens: Interval
    spent_tokens: Interval
    wasted_tokens: Interval
    wasted_share: Interval | None
    break_even: Interval | None
    margin: Interval | None
    speedup_limit: Interval | None


def speculation(problems: Sequence[Drafting]) -> Speculation | None:
    """Summarize drafting from the sums of each problem. None without jobs."""
    raise NotImplementedError
