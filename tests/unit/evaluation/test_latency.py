"""Latency of jobs, and how fast engines serve calls."""

from __future__ import annotations

import pytest

from specreason.evaluation.figures.latency import latency
from specreason.evaluation.figures.serving import serving_of_base, serving_of_drafter
from specreason.evaluation.intervals import Interval
from tests.support.calls import Call, calls_of, drafted, written


def test_a_latency_has_its_mean_and_percentiles_over_all_jobs() -> None:
    found = latency([float(n) for n in range(1, 101)], range(100), [4.0] * 100)
    assert found is not None
    assert (found.mean.mean, found.p50.mean, found.num_jobs, found.num_problems) == (50.5, 50.5, 100, 100)
    assert found.p95.mean == pytest.approx(95.05)
    assert found.p95.bounds is not None


def test_the_concurrency_is_the_mean_over_the_jobs_that_know_it() -> None:
    found = latency([1.0, 2.0, 3.0], [0, 0, 1], [1.0, None, 4.0])
    assert found is not None
    assert found.concurrency == 2.5
    unknown = latency([1.0], [0], [None])
    assert unknown is not None
    assert unknown.concurrency is None


def test_one_problem_has_a_latency_without_intervals() -> None:
    found = latency([2.0, 4.0], [7, 7], [1.0, 1.0])
    assert found is not None
    assert found.mean == Interval(mean=3.0, low=None, high=None)
    assert found.p50.bounds is None
    assert found.p95.bounds is None


def test_no_job_has_no_latency() -> None:
    assert latency([], [], []) is None
    assert serving_of_base(calls_of([])) is serving_of_drafter(calls_of([])) is None


def call(problem: int, tokens: int, ttft_s: float, latency_s: float) -> Call:
    return Call(
        problem=problem,
        is_written=True,
        by_base=True,
        written_tokens=tokens,
        written_ttft_s=ttft_s,
        written_s=latency_s,
    )


def test_ttft_is_over_all_calls_and_tpot_over_those_with_a_second_token() -> None:
    found = serving_of_base(calls_of([call(0, 11, 0.1, 1.1), call(0, 1, 0.3, 0.3), call(1, 2, 0.2, 0.5)]))
    assert found is not None
    assert found.tpot is not None
    assert found.tokens_per_s is not None
    assert (found.ttft.num_calls, found.ttft.mean.mean, found.ttft.p50.mean) == (
        3,
        pytest.approx(0.2),
        pytest.approx(0.2),
    )
    # 10 tokens in 1.0 s and one in 0.3 s: each call weighs the same in TPOT, each token in the speed.
    assert (found.tpot.num_calls, found.tpot.mean.mean) == (2, pytest.approx((0.1 + 0.3) / 2))
    assert found.tokens_per_s.mean == pytest.approx(11 / 1.3)
    assert (found.num_jobs, found.num_problems) == (2, 2)


def test_each_model_has_its_own_calls() -> None:
    calls = calls_of(
        [
            drafted(accepted=True),
            drafted(accepted=False, problem=1),
            written(problem=2, repeat=3),
            written(by_base=False, problem=2, repeat=3, ttft_s=0.35),
        ]
    )
    base, drafter = serving_of_base(calls), serving_of_drafter(calls)
    assert base is not None
    assert drafter is not None
    assert (base.ttft.num_calls, base.num_jobs, base.ttft.mean.mean) == (2, 2, pytest.approx(0.1))
    assert (drafter.ttft.num_calls, drafter.num_jobs, drafter.ttft.mean.mean) == (3, 3, pytest.approx(0.15))
    # 19 tokens after the first in 0.1 s.
    assert drafter.tpot is not None
    assert drafter.tpot.p50.mean == pytest.approx(0.1 / 19)


def test_calls_of_one_token_have_no_tpot() -> None:
    found = serving_of_base(calls_of([written(tokens=1), written(tokens=1, problem=1)]))
    assert found is not None
    assert found.tpot is None
    assert found.tokens_per_s is None


def test_tokens_that_arrive_all_at_once_have_no_speed() -> None:
    found = serving_of_base(calls_of([call(0, 5, 0.1, 0.1), call(1, 9, 0.2, 0.2)]))
    assert found is not None
    assert found.tpot is not None
    assert found.tpot.mean.mean == 0
    assert found.tokens_per_s is None
