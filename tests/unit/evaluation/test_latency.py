"""Latency of jobs, and how fast engines serve calls."""

from __future__ import annotations

import pytest

from specreason.evaluation.intervals import Interval
from specreason.evaluation.latency import latency
from specreason.evaluation.serving import serving


def test_a_latency_has_its_mean_and_percentiles_over_all_jobs() -> None:
    found = latency([float(n) for n in range(1, 101)], range(100), [4.0] * 100)
    assert found is not None
    assert (found.mean.mean, found.p50.mean, found.num_jobs) == (50.5, 50.5, 100)
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
    assert serving([], [], [], []) is None


def test_ttft_is_over_all_calls_and_tpot_over_those_with_a_second_token() -> None:
    found = serving(
        ttft_s=[0.1, 0.3, 0.2], latency_s=[1.1, 0.3, 0.5], tokens=[11, 1, 2], problems=["a", "a", "b"]
    )
    assert found is not None
    assert found.tpot is not None
    assert found.tokens_per_s is not None
    assert (found.ttft.num, found.ttft.mean.mean, found.ttft.p50.mean) == (3, pytest.approx(0.2), 0.2)
    # 10 tokens in 1.0 s and one in 0.3 s: each call weighs the same in TPOT, each token in the speed.
    assert (found.tpot.num, found.tpot.mean.mean) == (2, pytest.approx((0.1 + 0.3) / 2))
    assert found.tokens_per_s.mean == pytest.approx(11 / 1.3)


def test_calls_of_one_token_have_no_tpot() -> None:
    found = serving(ttft_s=[0.1, 0.2], latency_s=[0.1, 0.2], tokens=[1, 1], problems=[0, 1])
    assert found is not None
    assert found.tpot is None
    assert found.tokens_per_s is None


def test_tokens_that_arrive_all_at_once_have_no_speed() -> None:
    found = serving(ttft_s=[0.1, 0.2], latency_s=[0.1, 0.2], tokens=[5, 9], problems=[0, 1])
    assert found is not None
    assert found.tpot is not None
    assert found.tpot.mean.mean == 0
    assert found.tokens_per_s is None
