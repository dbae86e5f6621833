"""What jobs to come will take, from jobs that have run. An estimate, not a measurement.

It supposes problems like the past ones, at as many jobs in flight. `specreason.planning.forecast` predicts from data
sheets and the paper instead, and needs no job that has run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev
from typing import Any

from specreason.evaluation.cost import SECONDS_PER_HOUR
from specreason.evaluation.student import t_975

# Knobs that change what is drawn, and not how much.
OF_THE_DRAW = frozenset({"seed", "repeats"})
# Knobs of which another value makes jobs longer or shorter by much.
OF_THE_COST = ("threshold", "score_method", "token_budget", "first_steps_on_base", "answer_by", "adaptive")


class Likeness(StrEnum):
    """How much alike the past jobs' configuration is, the nearest first."""

    SAME = "same"  # but for the seed and the number of repeats
    SIMILAR = "similar"  # alike in all that changes the cost by much
    OTHER = "other"  # of the same scheme, and no more


def likeness(past: Mapping[str, Any], asked: Mapping[str, Any]) -> Likeness | None:
    """How much a stored configuration is like the one asked for; None if its scheme is another one."""
    if past.get("scheme") != asked.get("scheme"):
        return None
    knobs = (past.keys() | asked.keys()) - OF_THE_DRAW
    if all(past.get(knob) == asked.get(knob) for knob in knobs):
        return Likeness.SAME
    alike = all(past.get(knob) == asked.get(knob) for knob in OF_THE_COST)
    return Likeness.SIMILAR if alike else Likeness.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job that has succeeded. `problem` is equal for jobs of one problem.

    `latency_s` is None where it does not compare, as of a resumed job; `concurrency` is the mean number in flight.
    """

    problem: str
    device_s: float
    num_devices: int
    latency_s: float | None
    concurrency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A figure to come, and its bounds at 95 %; these are None where fewer than two problems have run."""

    mean: float
    low: float | None
    high: float | None

    def times(self, factor: float) -> Expected:
        return Expected(
            mean=self.mean * factor,
            low=None if self.low is None else self.low * factor,
            high=None if self.high is None else self.high * factor,
        )

    def at_least(self, least: float) -> Expected:
        return Expected(
            mean=max(self.mean, least),
            low=None if self.low is None else max(self.low, least),
            high=None if self.high is None else max(self.high, least),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What `num_jobs` jobs will take, from `num_past_jobs` jobs over `num_past_problems` problems.

    Without past jobs every figure is None. `device_s` is the time for which the jobs keep one pair busy, `wall_s` that
    time spread over `num_workers` workers (over one if none is alive), and never less than one job's latency. All hold
    for `concurrency` jobs in flight, as the past ones had. `price` is None without a price per GPU-hour.
    """

    num_jobs: int
    num_past_jobs: int
    num_past_problems: int
    likeness: Likeness | None
    concurrency: float | None
    num_workers: int
    latency_s: float | None
    device_s_per_job: Expected | None
    device_s: Expected | None
    wall_s: Expected | None
    gpu_hours: Expected | None
    price: Expected | None


def estimate(
    past: Sequence[PastJob],
    how: Likeness | None,
    *,
    num_problems: int,
    repeats: int,
    num_workers: int,
    gpu_hour_price: float | None,
) -> Estimate:
    """Estimate `num_problems` new problems with so many repeats each from the `past` jobs, which may be none.

    The bounds are those of a prediction: they allow for the spread between the problems to come, as well as for the few
    that have run. They are symmetric in the logarithm, since times have long tails to the right.
    """
    num_jobs = num_problems * repeats
    by_problem: dict[str, list[float]] = defaultdict(list)
    for job in past:
        by_problem[job.problem].append(job.device_s)
    means = [fmean(values) for values in by_problem.values()]
    latencies = [job.latency_s for job in past if job.latency_s is not None]
    in_flight = [job.concurrency for job in past if job.concurrency is not None]
    per_job = total = wall = hours = None
    latency_s = fmean(latencies) if latencies else None
    if past:
        per_job = _expected(means, math.inf)
        total = _expected(means, num_problems).times(num_jobs)
        wall = total.times(1 / max(num_workers, 1)).at_least(latency_s or 0.0)
        hours = total.times(fmean(job.num_devices for job in past) / SECONDS_PER_HOUR)
    price = None if gpu_hour_price is None or hours is None else hours.times(gpu_hour_price)
    return Estimate(
        num_jobs=num_jobs,
        num_past_jobs=len(past),
        num_past_problems=len(means),
        likeness=how if past else None,
        concurrency=fmean(in_flight) if in_flight else None,
        num_workers=num_workers,
        latency_s=latency_s,
        device_s_per_job=per_job,
        device_s=total,
        wall_s=wall,
        gpu_hours=hours,
        price=price,
    )


def _expected(means: Sequence[float], num_new: float) -> Expected:
    """The mean over `num_new` further problems, of which infinitely many have the mean of all problems."""
    mean, num_past = fmean(means), len(means)
    if num_past < 2 or not mean:
        return Expected(mean=mean, low=None, high=None)
    half = t_975(num_past) * stdev(means) / mean * math.sqrt(1 / num_past + 1 / num_new)
    return Expected(mean=mean, low=mean * math.exp(-half), high=mean * math.exp(half))
