"""What drafting brought: how much of it was kept, what was wasted, and from which acceptance on it pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from specreason.evaluation.clusters import (
    figure_of_sums,
    mean_over_problems,
    ratio_of_means,
    share_over_problems,
)
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np
from specreason.reasoning.economics import break_even


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


COLUMNS = tuple(field.name for field in fields(Drafting))


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
    table = np.array([astuple(problem) for problem in problems if problem.num_jobs], dtype=float)
    if not len(table):
        return None
    of = dict(zip(COLUMNS, table.T, strict=True))
    jobs, kept, spent = of["num_jobs"], of["kept_tokens"], of["spent_tokens"]
    return Speculation(
        acceptance=_share(of["num_accepted"], of["num_drafted"]),
        drafter_steps=_share(of["num_drafter_steps"], of["num_steps"]),
        drafter_tokens=_share(of["drafter_tokens"], kept),
        kept_tokens=mean_over_problems(kept, jobs),
        spent_tokens=mean_over_problems(spent, jobs),
        wasted_tokens=mean_over_problems(spent - kept, jobs),
        wasted_share=_share(spent - kept, spent),
        break_even=figure_of_sums(_break_even, table),
        margin=figure_of_sums(_margin, table),
        speedup_limit=ratio_of_means(kept, kept - of["drafter_tokens"]),
    )


def _share(hits: np.ndarray, counts: np.ndarray) -> Interval | None:
    return share_over_problems(hits, counts) if counts.sum() > 0 else None


def _break_even(row: Sequence[float]) -> float:
    of = dict(zip(COLUMNS, row, strict=True))
    step_tokens = of["drafted_tokens"] / of["num_drafted"]
    return break_even(
        drafting_s=of["drafting_s"] / of["num_drafted"],
        step_s=step_tokens * of["base_s"] / of["base_tokens"],
        ttft_s=of["ttft_s"] / of["num_base_calls"],
    )


def _margin(row: Sequence[float]) -> float:
    of = dict(zip(COLUMNS, row, strict=True))
    return of["num_accepted"] / of["num_drafted"] - _break_even(row)
