"""Costs: device time and prices on known figures with known answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from specreason.evaluation.cost import cost_of, cost_ratio


@dataclass(frozen=True, slots=True)
class Spent:
    """The device time of a row: 100 s on two GPUs."""

    device_s: float | None = 100.0
    drafter_device_s: float | None = 30.0
    base_device_s: float | None = 70.0
    prefill_s: float | None = 25.0
    num_devices: float | None = 2


def test_a_cost_is_told_per_job_and_per_right_answer_and_in_its_parts() -> None:
    cost = cost_of(Spent(), num_jobs=40, num_right=25, gpu_hour_price=3.6)
    assert cost is not None
    assert (cost.per_job, cost.per_right_answer) == (2.5, 4.0)
    assert (cost.drafter_s + cost.base_s, cost.prefill_s + cost.decode_s) == (100, 100)
    # 200 GPU-seconds at a thousandth each.
    assert (cost.gpu_s, cost.price) == (200, pytest.approx(0.2))
    assert cost.price_of(cost.per_job) == pytest.approx(0.005)


def test_without_a_price_a_right_answer_or_a_measure_nothing_is_made_up() -> None:
    cost = cost_of(Spent(), num_jobs=40, num_right=0, gpu_hour_price=None)
    assert cost is not None
    assert (cost.per_right_answer, cost.price, cost.price_of(1.0)) == (None, None, None)
    assert cost_of(Spent(device_s=None), num_jobs=1, num_right=1, gpu_hour_price=1) is None
    assert cost_of(Spent(device_s=0.0), num_jobs=0, num_right=0, gpu_hour_price=1) is None
    assert cost_of(Spent(num_devices=None), num_jobs=1, num_right=1, gpu_hour_price=36) is not None


def test_a_free_gpu_costs_nothing_and_that_is_a_price() -> None:
    cost = cost_of(Spent(), num_jobs=1, num_right=1, gpu_hour_price=0.0)
    assert cost is not None
    assert (cost.price, cost.price_of(5.0)) == (0, 0)


def test_the_ratio_of_two_batches_is_that_of_their_means_over_the_same_problems() -> None:
    found = cost_ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert found is not None
    assert (found.num_problems, found.ratio) == (3, 0.5)
    assert found.low == pytest.approx(0.5) == found.high  # each problem says the same
    # By hand: the relative costs differ by 1/1.5 - 2/2.5 = -2/15 and by 2/15: the error is 2/15, and t is 12.706.
    found = cost_ratio([1.0, 2.0], [2.0, 3.0])
    assert found is not None
    assert found.ratio == pytest.approx(0.6)
    half = math.exp(12.706 * 2 / 15)
    assert (found.low, found.high) == (pytest.approx(0.6 / half), pytest.approx(0.6 * half))


def test_one_problem_has_a_ratio_and_no_interval_and_none_has_neither() -> None:
    alone = cost_ratio([1.0], [4.0])
    assert alone is not None
    assert (alone.ratio, alone.low, alone.high) == (0.25, None, None)
    assert cost_ratio([], []) is None
