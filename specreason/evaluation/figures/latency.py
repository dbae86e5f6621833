"""How long a job takes: mean, median and 95th percentile."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from specreason.evaluation.clusters import mean_of_cases, quantile_over_problems
from specreason.evaluation.figures.values import Latency
from specreason.evaluation.scientific import Numbers, np


def latency(values: Numbers, problems: Numbers, concurrency: Sequence[float | None]) -> Latency | None:
    """Summarize latencies: by job its seconds, its problem, and the jobs in flight beside it, itself included.

    The caller leaves resumed jobs out, whose latency lacks what an earlier attempt did. None without jobs.
    """
    if not len(values):
        return None
    known = [number for number in concurrency if number is not None]
    return Latency(
        mean=mean_of_cases(values, problems),
        p50=quantile_over_problems(values, problems, 0.5),
        p95=quantile_over_problems(values, problems, 0.95),
        concurrency=fmean(known) if known else None,
        num_jobs=len(values),
        num_problems=len(np.unique(problems)),
    )
