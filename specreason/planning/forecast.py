"""What jobs will take and cost before one has run: latency, jobs per hour and GPU-hours, each from low to high."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specreason.config import SchemeName
from specreason.planning.job_time import PairClocks, job_time
from specreason.planning.timing import SECONDS_PER_HOUR
from specreason.planning.workload import StepStatistics, calls_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The least and the most that is expected."""

    low: float
    high: float

    def times(self, factor: float) -> Span:
        """Return the span of a figure that is so many times as large."""
        return Span(low=self.low * factor, high=self.high * factor)

    def under(self, numerator: float) -> Span:
        """Return the span of `numerator` over this figure."""
        return Span(low=numerator / self.high, high=numerator / self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The jobs to come: their statistics at best and at worst, and where these are from, in words."""

    source: str
    best: StepStatistics
    worst: StepStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The cost of so many jobs: hours of one pair, and GPU-hours of all its cards, busy to the end."""

    num_jobs: int
    hours: Span
    gpu_hours: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One scheme on one pair of engines with so many jobs in flight, at one threshold if it drafts steps.

    Seconds are those of one job, of which prompts and verdicts are `prefill_s`, and tokens written one by one
    `decode_s`. `jobs` is None if their number is not known.
    """

    scheme: SchemeName
    threshold: float | None
    acceptance: float | None
    concurrency: int
    latency_s: Span
    prefill_s: Span
    decode_s: Span
    jobs_per_hour: Span
    jobs: Jobs | None


def forecast(
    scheme: SchemeName,
    workload: Workload,
    clocks: Sequence[PairClocks],
    *,
    threshold: float,
    concurrency: int,
    num_devices: int,
    num_jobs: int | None = None,
) -> Forecast:
    """Return what jobs take, from the best ones on the first of two `clocks` to the worst ones on the second."""
    if num_jobs is not None:
        concurrency = min(concurrency, num_jobs)
    times = [
        job_time(
            calls_of(scheme, statistics, threshold=threshold),
            of_pair,
            concurrency=concurrency,
            token_acceptance=statistics.token_acceptance,
        )
        for of_pair, statistics in zip(clocks, (workload.best, workload.worst), strict=True)
    ]
    latency_s = _span(time.latency_s for time in times)
    return Forecast(
        scheme=scheme,
        threshold=threshold if scheme.drafts_steps else None,
        acceptance=workload.best.acceptance(threshold) if scheme.drafts_steps else None,
        concurrency=concurrency,
        latency_s=latency_s,
        prefill_s=_span(time.prefill_s for time in times),
        decode_s=_span(time.decode_s for time in times),
        jobs_per_hour=latency_s.under(concurrency * SECONDS_PER_HOUR),
        jobs=None if num_jobs is None else _cost(latency_s, num_jobs, concurrency, num_devices),
    )


def _cost(latency_s: Span, num_jobs: int, concurrency: int, num_devices: int) -> Jobs:
    hours = latency_s.times(num_jobs / concurrency / SECONDS_PER_HOUR)
    return Jobs(num_jobs=num_jobs, hours=hours, gpu_hours=hours.times(num_devices))


def _span(values: Iterable[float]) -> Span:
    low, high = sorted(values)
    return Span(low=low, high=high)
