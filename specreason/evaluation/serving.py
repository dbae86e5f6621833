"""How fast the engine of one role serves a call: time to first token, and time per token after it."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.evaluation.clusters import (
    mean_of_cases,
    quantile_over_problems,
    ratio_of_means,
    sums_by_problem,
)
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import Numbers, np


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """A figure over `num` calls, in seconds, with intervals over problems."""

    mean: Interval
    p50: Interval
    p95: Interval
    p99: Interval
    num: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The generate calls of one role. Each call weighs the same, but each token does in `tokens_per_s`.

    That is the speed of one call after its first token. It and `tpot` are over calls of two and more tokens, and None
    where there are none.
    """

    ttft: Percentiles
    tpot: Percentiles | None
    tokens_per_s: Interval | None


def serving(ttft_s: Numbers, latency_s: Numbers, tokens: Numbers, problems: Numbers) -> Serving | None:
    """Summarize calls of one role: by call its seconds to the first and to the last token, its tokens, its problem.

    None without calls. A verdict is no such call: it has one token, and its time is its latency.
    """
    if not len(ttft_s):
        return None
    first, number, of_problem = np.asarray(ttft_s, dtype=float), np.asarray(tokens), np.asarray(problems)
    decoding_s = np.maximum(np.asarray(latency_s, dtype=float) - first, 0.0)
    long = number > 1
    ttft = _percentiles(first, of_problem)
    if not long.any():
        return Serving(ttft=ttft, tpot=None, tokens_per_s=None)
    rest, seconds, clusters = number[long] - 1, decoding_s[long], of_problem[long]
    _, tokens_of, seconds_of = sums_by_problem(clusters, rest, seconds)
    return Serving(
        ttft=ttft,
        tpot=_percentiles(seconds / rest, clusters),
        tokens_per_s=ratio_of_means(tokens_of, seconds_of),
    )


def _percentiles(values: np.ndarray, problems: np.ndarray) -> Percentiles:
    p50, p95, p99 = (quantile_over_problems(values, problems, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(mean=mean_of_cases(values, problems), p50=p50, p95=p95, p99=p99, num=len(values))
