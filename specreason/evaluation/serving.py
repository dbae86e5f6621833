"""How fast the engine of one role serves a call: time to first token, and time per token after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specreason.evaluation.clusters import mean_of_jobs, quantile_over_problems, ratio_of_sums
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np


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
    """The generate calls of one role. Each call weighs the same, but in `tokens_per_s`, where each token does.

    `tpot` and `tokens_per_s` are over calls of two and more tokens, and None where there is none.
    """

    ttft: Percentiles
    tpot: Percentiles | None
    tokens_per_s: Interval | None


def serving(
    ttft_s: Sequence[float], latency_s: Sequence[float], tokens: Sequence[int], problems: Sequence[int]
) -> Serving | None:
    """Summarize calls of one role: by call its seconds to the first and to the last token, tokens, and problem.

    None without calls. A verdict is no such call: it has one token, and its time is its latency.
    """
    if not len(ttft_s):
        return None
    first, number = np.asarray(ttft_s, dtype=float), np.asarray(tokens)
    decoding_s = np.maximum(np.asarray(latency_s, dtype=float) - first, 0.0)
    of_problem = np.asarray(problems)
    long = number > 1
    rest, seconds, clusters = number[long] - 1, decoding_s[long], of_problem[long]
    return Serving(
        ttft=_percentiles(first, of_problem),
        tpot=_percentiles(seconds / rest, clusters) if long.any() else None,
        tokens_per_s=ratio_of_sums(rest, seconds, clusters) if seconds.sum() > 0 else None,
    )


def _percentiles(values: np.ndarray, problems: np.ndarray) -> Percentiles:
    p50, p95, p99 = (quantile_over_problems(values, problems, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(mean=mean_of_jobs(values, problems), p50=p50, p95=p95, p99=p99, num=len(values))
