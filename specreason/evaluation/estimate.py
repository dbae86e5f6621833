"""What jobs to come will take, from jobs that have run. An estimate, not a measurement.

It supposes problems like the past ones, at as many jobs in flight. `specreason.planning.forecast` predicts from data
sheets and the paper instead, and needs no job that has run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev
from typing import Any

from specreason.config import every_knob
from specreason.evaluation.intervals import Z_95
from specreason.planning.timing import SECONDS_PER_HOUR

# Knobs that change what is drawn, and not how much.
OF_THE_DRAW = frozenset({"seed", "repeats", "first_repeat"})
# Knobs of which another value makes jobs longer or shorter by much.
OF_THE_COST = ("threshold", "score_method", "token_budget", "first_steps_on_base", "answer_by", "adaptive")
# From fewer problems the bounds of a mean are a factor of hundreds apart: they say nothing.
FEWEST_BOUNDED = 5


class Likeness(StrEnum):
    """How much alike the past jobs' configuration is, the nearest first."""

    SAME = "same"  # but for the seed and the number of repeats
    SIMILAR = "similar"  # alike in all that changes the cost by much
    OTHER = "other"  # of the same scheme, and no more


def likeness(past: Mapping[str, Any], asked: Mapping[str, Any]) -> Likeness | None:
    """How much a stored configuration is like the one asked for; None if its scheme is another one."""
    if past.get("scheme") != asked.get("scheme"):
        return None
    past, asked = every_knob(past), every_knob(asked)
    if all(past.get(knob) == asked.get(knob) for knob in (past.keys() | asked.keys()) - OF_THE_DRAW):
        return Likeness.SAME
    alike = all(past[knob] == asked[knob] for knob in OF_THE_COST)
    return Likeness.SIMILAR if alike else Likeness.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job that ran to its end, if only to a failure, which costs, too. `problem` is equal for jobs of one problem.

    `latency_s` is None where it does not compare, as of a resumed or failed job; `concurrency` is the mean number in
    flight.
    """

    problem: Hashable
    device_s: float
    num_devices: int
    latency_s: float | None
    concurrency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Past jobs of one likeness. `are_cut` if others of their batches, the longer ones, still run or were stopped."""

    jobs: Sequence[PastJob] = ()
    likeness: Likeness | None = None
    are_cut: bool = False

    @property
    def has_bounds(self) -> bool:
        """Whether jobs to come are bounded: by several problems that ran to their end, with settings alike in cost."""
        is_alike = self.likeness is not Likeness.OTHER and not self.are_cut
        return is_alike and len({job.problem for job in self.jobs}) >= FEWEST_BOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A figure to come, and its bounds at 95 %, None together where the past does not bound it."""

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
    are_cut: bool
    concurrency: float | None
    num_workers: int
    latency_s: float | None
    device_s_per_job: Expected | None
    device_s: Expected | None
    wall_s: Expected | None
    gpu_hours: Expected | None
    price: Expected | None


def estimate(
    past: Past, *, num_problems: int, repeats: int, num_workers: int, gpu_hour_price: float | None
) -> Estimate:
    """Estimate `num_problems` new problems with so many repeats each from the `past` jobs, which may be none.

    The bounds are those of a prediction: they allow for the spread between the problems to come, as well as for the few
    that have run. They are symmetric in the logarithm, since times have long tails to the right. `Past` says when there
    are any.
    """
    num_jobs = num_problems * repeats
    by_problem: dict[Hashable, list[float]] = defaultdict(list)
    for job in past.jobs:
        by_problem[job.problem].append(job.device_s)
    means = [fmean(values) for values in by_problem.values()]
    latencies = [job.latency_s for job in past.jobs if job.latency_s is not None]
    in_flight = [job.concurrency for job in past.jobs if job.concurrency is not None]
    per_job = total = wall = hours = None
    latency_s = fmean(latencies) if latencies else None
    if past.jobs:
        per_job = _expected(means, math.inf, is_bounded=past.has_bounds)
        total = _expected(means, num_problems, is_bounded=past.has_bounds).times(num_jobs)
        wall = total.times(1 / max(num_workers, 1)).at_least(latency_s or 0.0)
        hours = total.times(fmean(job.num_devices for job in past.jobs) / SECONDS_PER_HOUR)
    price = None if gpu_hour_price is None or hours is None else hours.times(gpu_hour_price)
    return Estimate(
        num_jobs=num_jobs,
        num_past_jobs=len(past.jobs),
        num_past_problems=len(means),
        likeness=past.likeness,
        are_cut=past.are_cut,
        concurrency=fmean(in_flight) if in_flight else None,
        num_workers=num_workers,
        latency_s=latency_s,
        device_s_per_job=per_job,
        device_s=total,
        wall_s=wall,
        gpu_hours=hours,
        price=price,
    )


def _expected(means: Sequence[float], num_new: float, *, is_bounded: bool) -> Expected:
    """The mean over `num_new` further problems, of which infinitely many have the mean of all problems."""
    mean, num_past = fmean(means), len(means)
    if not is_bounded or not mean:
        return Expected(mean=mean, low=None, high=None)
    half = t_975(num_past - 1) * stdev(means) / mean * math.sqrt(1 / num_past + 1 / num_new)
    return Expected(mean=mean, low=mean * math.exp(-half), high=mean * math.exp(half))


def t_975(freedom: float) -> float:
    """Student's t, which needs no scipy, by its expansion in the normal quantile (Abramowitz and Stegun, 26.7.5).

    It is right to 0.001 from four degrees of freedom on.
    """
    z = Z_95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
