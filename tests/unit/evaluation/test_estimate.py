"""Estimates of jobs to come: known figures with known answers, and how often the bounds hold."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from specreason.config import RunConfig
from specreason.evaluation.estimate import Estimate, Likeness, Past, PastJob, estimate, likeness, t_975


def past(*device_s: float, **more: Any) -> list[PastJob]:
    """One job for each problem."""
    known = {"num_devices": 1, "latency_s": 2.0, "concurrency": 4.0} | more
    return [PastJob(problem=str(place), device_s=each, **known) for place, each in enumerate(device_s)]


def estimated(
    jobs: list[PastJob], how: Likeness = Likeness.SAME, *, are_cut: bool = False, **more: Any
) -> Estimate:
    asked = {"num_problems": 100, "repeats": 1, "num_workers": 1, "gpu_hour_price": None} | more
    return estimate(Past(jobs=jobs, likeness=how if jobs else None, are_cut=are_cut), **asked)


def test_the_mean_over_problems_is_taken_to_all_jobs() -> None:
    jobs = past(0.0, 1.0, 2.0, 3.0, 4.0, num_devices=4)
    found = estimated(jobs, num_problems=90, repeats=2, gpu_hour_price=5.0)
    assert found.device_s is not None
    assert found.device_s_per_job is not None
    assert found.gpu_hours is not None
    assert found.price is not None
    assert (found.num_jobs, found.num_past_jobs, found.num_past_problems) == (180, 5, 5)
    assert (found.device_s_per_job.mean, found.device_s.mean) == (2, 360)
    assert (found.gpu_hours.mean, found.price.mean) == (pytest.approx(0.4), pytest.approx(2.0))
    # Student's t with four degrees of freedom is 2.776, and the deviation is 1.58 of 2.
    spread = 2.776 * math.sqrt(2.5) / 2
    assert found.device_s_per_job.high == pytest.approx(2 * math.exp(spread / math.sqrt(5)), rel=1e-3)
    assert found.device_s.low == pytest.approx(360 * math.exp(-spread * math.sqrt(1 / 5 + 1 / 90)), rel=1e-3)


@pytest.mark.parametrize(
    ("freedom", "published"), [(4, 2.776), (5, 2.571), (9, 2.262), (30, 2.042), (60, 2.0), (120, 1.98)]
)
def test_students_t_is_that_of_the_tables_and_falls_to_the_normal_one(freedom: int, published: float) -> None:
    assert t_975(freedom) == pytest.approx(published, abs=1e-3)
    assert t_975(1e6) == pytest.approx(1.95997, abs=1e-5)


def test_few_problems_other_settings_or_jobs_cut_short_bound_nothing() -> None:
    five = past(1.0, 2.0, 3.0, 4.0, 5.0)
    for found, is_bounded in (
        (estimated(five), True),
        (estimated(five, Likeness.SIMILAR), True),
        (estimated(five[:4]), False),
        (estimated(five, Likeness.OTHER), False),
        (estimated(five, are_cut=True), False),
    ):
        assert found.device_s is not None
        assert (found.device_s.low is not None) is is_bounded
        assert (found.device_s.high is not None) is is_bounded
    assert estimated(five, are_cut=True).are_cut


def test_repeats_of_a_problem_are_one_problem() -> None:
    jobs = [*past(1.0, 3.0), *past(3.0)]
    found = estimated(jobs)
    assert (found.num_past_jobs, found.num_past_problems) == (3, 2)
    assert found.device_s_per_job is not None
    assert found.device_s_per_job.mean == 2.5


def test_the_time_is_spread_over_workers_and_never_less_than_one_jobs() -> None:
    jobs = past(1.0, 2.0, 3.0)
    for num_workers, wall_s in ((0, 200.0), (1, 200.0), (4, 50.0), (1000, 2.0)):
        found = estimated(jobs, num_workers=num_workers)
        assert found.wall_s is not None
        assert found.wall_s.mean == pytest.approx(wall_s)
        assert found.concurrency == 4


def test_without_past_jobs_there_are_no_figures_and_with_one_problem_no_bounds() -> None:
    nothing = estimated([])
    assert (nothing.num_past_jobs, nothing.likeness, nothing.latency_s) == (0, None, None)
    assert {nothing.device_s, nothing.wall_s, nothing.gpu_hours, nothing.price} == {None}
    one = estimated(past(2.0, latency_s=None, concurrency=None), gpu_hour_price=1.0)
    assert one.device_s is not None
    assert (one.device_s.mean, one.device_s.low, one.device_s.high) == (200, None, None)
    assert (one.latency_s, one.concurrency) == (None, None)


@pytest.mark.parametrize(("num_past", "num_new"), [(5, 20), (30, 1), (30, 40)])
def test_the_bounds_hold_about_as_often_as_they_say_for_times_with_long_tails(
    num_past: int, num_new: int
) -> None:
    draw = random.Random(15)
    held = 0
    for _ in range(200):
        found = estimated(
            past(*(draw.lognormvariate(1, 0.6) for _ in range(num_past))), num_problems=num_new
        ).device_s
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= sum(draw.lognormvariate(1, 0.6) for _ in range(num_new)) <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_configurations_are_alike_in_all_but_the_seed_in_what_costs_or_in_the_scheme() -> None:
    def stored(**knobs: Any) -> dict[str, Any]:
        return RunConfig(**{"threshold": 7.0} | knobs).model_dump(mode="json")

    asked = stored()
    assert likeness(stored(seed=9, repeats=8), asked) is Likeness.SAME
    assert likeness(stored(temperature=0.1, max_step_tokens=64), asked) is Likeness.SIMILAR
    assert likeness(stored(threshold=5), asked) is Likeness.OTHER
    assert likeness(stored(token_budget=100), asked) is Likeness.OTHER
    assert likeness(stored(scheme="base"), asked) is None
    assert likeness({}, asked) is None


def test_a_knob_that_an_older_version_did_not_store_counts_as_its_default() -> None:
    asked = RunConfig(threshold=7.0).model_dump(mode="json")
    old = {name: value for name, value in asked.items() if name not in ("adaptive", "overlap", "min_p")}
    assert likeness(old, asked) is Likeness.SAME
    assert likeness(old, asked | {"adaptive": True}) is Likeness.OTHER
