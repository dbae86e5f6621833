"""How fast the engine of one model serves a call: time to first token, and time per token after it."""

from __future__ import annotations

from specreason.evaluation.clusters import (
    mean_of_cases,
    quantile_over_problems,
    ratio_of_means,
    sums_by_problem,
)
from specreason.evaluation.figures.calls import Calls, number_of_jobs
from specreason.evaluation.figures.values import Percentiles, Serving
from specreason.evaluation.scientific import np


def serving_of_drafter(calls: Calls) -> Serving | None:
    """Of the drafter: its drafts, and what it wrote without a verdict. None without calls."""
    drafts, written = calls.is_draft.astype(bool), calls.is_written.astype(bool) & ~calls.by_base.astype(bool)

    def both(of_drafts: np.ndarray, of_written: np.ndarray) -> np.ndarray:
        return np.concatenate([of_drafts[drafts], of_written[written]])

    return serving(
        ttft_s=both(calls.draft_ttft_s, calls.written_ttft_s),
        latency_s=both(calls.draft_s, calls.written_s),
        tokens=both(calls.draft_tokens, calls.written_tokens),
        problems=both(calls.problem, calls.problem),
        repeats=both(calls.repeat, calls.repeat),
    )


def serving_of_base(calls: Calls) -> Serving | None:
    """Of the base: what it wrote. A verdict is no such call: it has one token, and its time is its latency."""
    written = calls.is_written.astype(bool) & calls.by_base.astype(bool)
    return serving(
        ttft_s=calls.written_ttft_s[written],
        latency_s=calls.written_s[written],
        tokens=calls.written_tokens[written],
        problems=calls.problem[written],
        repeats=calls.repeat[written],
    )


def serving(
    *,
    ttft_s: np.ndarray,
    latency_s: np.ndarray,
    tokens: np.ndarray,
    problems: np.ndarray,
    repeats: np.ndarray,
) -> Serving | None:
    """Summarize calls of one model: by call its seconds to the first and to the last token, its tokens, its job."""
    if not len(ttft_s):
        return None
    first = ttft_s.astype(float)
    decoding_s = np.maximum(latency_s.astype(float) - first, 0.0)
    long = tokens > 1
    tpot = tokens_per_s = None
    if long.any():
        rest, seconds, clusters = tokens[long] - 1, decoding_s[long], problems[long]
        _, tokens_of, seconds_of = sums_by_problem(clusters, rest, seconds)
        tpot = _percentiles(seconds / rest, clusters)
        tokens_per_s = ratio_of_means(tokens_of, seconds_of)
    return Serving(
        ttft=_percentiles(first, problems),
        tpot=tpot,
        tokens_per_s=tokens_per_s,
        num_jobs=number_of_jobs(problems, repeats),
        num_problems=len(np.unique(problems)),
    )


def _percentiles(values: np.ndarray, problems: np.ndarray) -> Percentiles:
    p50, p95, p99 = (quantile_over_problems(values, problems, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(mean=mean_of_cases(values, problems), p50=p50, p95=p95, p99=p99, num_calls=len(values))
