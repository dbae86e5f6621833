"""Costs: device time and prices on known figures with known answers."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from specreason.evaluation.comparison.compare import compare
from specreason.evaluation.comparison.costs import cost_ratio
from specreason.evaluation.comparison.knobs import unlike_in_cost
from specreason.evaluation.cost import cost_of, cost_of_batch
from specreason.evaluation.intervals import Interval
from specreason.evaluation.runs import Run
from tests.support.runs import run_of


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


@dataclass(frozen=True, slots=True)
class Batch(Spent):
    """Forty jobs that have succeeded, of which 25 are right."""

    num_metered: int = 40
    num_succeeded: int = 40
    num_graded: int = 40
    num_regrading: int = 0
    num_correct: int = 25


def test_a_right_answer_has_a_cost_once_every_succeeded_job_has_its_last_grade() -> None:
    def per_right_answer(batch: Batch) -> float | None:
        cost = cost_of_batch(batch, None)
        assert cost is not None
        return cost.per_right_answer

    assert per_right_answer(Batch()) == 4
    assert per_right_answer(Batch(num_graded=39)) is None  # one waits for a grade, or has no gold answer
    assert per_right_answer(Batch(num_regrading=1)) is None
    assert per_right_answer(Batch(num_succeeded=0, num_graded=0, num_correct=0)) is None
    assert cost_of_batch(Batch(device_s=None), 1.0) is None


FAILED = 99.0


def costing(*gpu_s: float | None, **more: Any) -> Run:
    """One job of each problem, which took so many GPU-seconds."""
    jobs = [
        {"drafter_device_s": 0.0, "base_device_s": each, "num_devices": 1}
        | ({"state": "failed"} if each == FAILED else {})
        for each in gpu_s
    ]
    return run_of([[True]] * len(jobs), job=lambda index, _: jobs[index], **more)


def test_the_ratio_of_two_batches_is_that_of_their_means_over_the_same_problems() -> None:
    found = cost_ratio(costing(2.0, 4.0, 6.0), costing(1.0, 2.0, 3.0))
    assert found is not None
    assert (found.num_problems, found.ratio) == (3, 0.5)
    assert (found.low, found.high) == (None, None)  # each problem says the same
    # By hand: the relative costs differ by 1/1.5 - 2/2.5 = -2/15 and by 2/15: the error is 2/15, and t is 12.706.
    found = cost_ratio(costing(2.0, 3.0), costing(1.0, 2.0))
    assert found is not None
    assert found.ratio == pytest.approx(0.6)
    half = math.exp(12.7062 * 2 / 15)
    assert (found.low, found.high) == (pytest.approx(0.6 / half), pytest.approx(0.6 * half))


def test_the_ratio_is_that_of_a_comparison_over_jobs_that_succeeded_in_both_whatever_their_places() -> None:
    a = costing(2.0, 3.0, 5.0, 4.0, FAILED, 7.0)
    ids = {
        "problem": lambda index: {"problem_id": f"p{5 - index}", "digest": 5 - index},
        "batch_id": UUID(int=2),
    }
    b = costing(1.0, 2.0, FAILED, 1.5, None, 2.5, **ids)
    found, compared = cost_ratio(a, b), compare(a, b).figures.gpu_s
    assert found is not None
    assert compared is not None
    assert compared.ratio is not None
    # Problems 0, 2 and 5: 2.5, 1.5 and 1 against 2, 5 and 7.
    assert (found.num_problems, found.ratio) == (3, pytest.approx(5 / 14))
    assert (compared.num_problems, compared.ratio) == (
        3,
        Interval(mean=found.ratio, low=found.low, high=found.high),
    )


def test_one_problem_has_a_ratio_and_no_interval_and_none_has_neither() -> None:
    alone = cost_ratio(costing(4.0), costing(1.0))
    assert alone is not None
    assert (alone.ratio, alone.low, alone.high) == (0.25, None, None)
    assert cost_ratio(costing(4.0), costing(None)) is None
    elsewhere = costing(1.0, problem=lambda index: {"problem_id": "other", "digest": 7})
    assert cost_ratio(costing(4.0), elsewhere) is None


def test_without_scipy_there_is_the_ratio_and_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    for module in ("clusters", "bounds", "scientific"):
        monkeypatch.delitem(sys.modules, f"specreason.evaluation.{module}", raising=False)
    found = cost_ratio(costing(2.0, 3.0), costing(1.0, 2.0))
    assert found is not None
    assert (found.num_problems, found.ratio, found.low, found.high) == (2, pytest.approx(0.6), None, None)
    assert cost_ratio(costing(None), costing(1.0)) is None


def test_a_ratio_names_the_knobs_that_both_schemes_read_and_that_differ() -> None:
    def unlike(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
        return [knob.name for knob in unlike_in_cost(costing(1.0, config=ours), costing(1.0, config=theirs))]

    base = {"scheme": "base", "threshold": 7.0, "temperature": 0.6}
    ours = {"scheme": "specreason", "threshold": 5.0, "temperature": 0.6, "seed": 3, "repeats": 4}
    assert unlike(base, ours) == []
    assert unlike(base, ours | {"token_budget": 100, "temperature": 0.1}) == ["temperature", "token_budget"]
    assert unlike(ours, ours | {"threshold": 7.0}) == ["threshold"]
