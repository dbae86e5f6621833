"""How many drafts were accepted, and from which acceptance on drafting pays."""

from __future__ import annotations

from collections.abc import Sequence

from specreason.evaluation.clusters import figure_of_sums, share_over_problems, sums_by_problem
from specreason.evaluation.figures.calls import Calls, number_of_jobs
from specreason.evaluation.figures.values import Drafting
from specreason.evaluation.scientific import np
from specreason.reasoning.economics import break_even


def drafting(calls: Calls) -> Drafting | None:
    """Summarize the drafts of jobs, and what they cost against what the base takes. None without drafts.

    The sums are those of a policy (`reasoning.economics`): per draft the waiting and the kept tokens of its step, per
    call of the base the time to its first token, and the base's seconds per token after the first.
    """
    drafted = calls.is_draft.astype(bool)
    if not drafted.any():
        return None
    by_base = calls.is_written.astype(bool) & calls.by_base.astype(bool)
    _, *columns = sums_by_problem(
        calls.problem,
        drafted,
        drafted & calls.is_accepted.astype(bool),
        np.where(drafted, calls.kept_tokens, 0),
        np.where(drafted, calls.waited_s, 0.0),
        by_base,
        np.where(by_base, calls.written_ttft_s, 0.0),
        np.where(by_base, np.maximum(calls.written_s - calls.written_ttft_s, 0.0), 0.0),
        np.where(by_base, np.maximum(calls.written_tokens - 1, 0), 0),
    )
    sums = np.array(columns).T
    number, accepted = columns[:2]
    return Drafting(
        acceptance=share_over_problems(accepted, number),
        break_even=figure_of_sums(_break_even, sums),
        margin=figure_of_sums(_margin, sums),
        num_drafts=int(number.sum()),
        num_jobs=number_of_jobs(calls.problem[drafted], calls.repeat[drafted]),
        num_problems=int(np.count_nonzero(number)),
    )


def _break_even(sums: Sequence[float]) -> float:
    number, _, kept_tokens, waited_s, base_calls, ttft_s, base_s, base_tokens = sums
    return break_even(
        drafting_s=waited_s / number,
        step_s=kept_tokens / number * base_s / base_tokens,
        ttft_s=ttft_s / base_calls,
    )


def _margin(sums: Sequence[float]) -> float:
    return sums[1] / sums[0] - _break_even(sums)
