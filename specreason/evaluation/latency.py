"""How long a job takes: mean, median and 95th percentile, with intervals over problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from specreason.evaluation.clusters import mean_of_cases, quantile_over_problems
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """Seconds per job over `num_jobs` jobs.

    Two of them compare only where `concurrency` is about the same: the jobs in flight on a worker, as a mean over
    these jobs, and None where no job knows it.
    """

    mean: Interval
    p50: Interval
    p95: Interval
    num_jobs: int
    concurrency: float | None


def latency(values: Numbers, problems: Numbers, concurrency: Sequence[float | None]) -> LatencySummary | None:
    """Summarize latencies: by job its seconds, its problem, and the jobs in flight beside it, itself included.

    The caller leaves resumed jobs out, whose latency lacks what an earlier attempt did. None without jobs.
    """
    if not len(values):
        return None
    known = [number for number in concurrency if number is not None]
    return LatencySummary(
        mean=mean_of_cases(values, problems),
        p50=quantile_over_problems(values, problems, 0.5),
        p95=quantile_over_problems(values, problems, 0.95),
        num_jobs=len(values),
        concurrency=fmean(known) if known else None,
    )
