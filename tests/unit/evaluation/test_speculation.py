"""What drafting brought, from sums by problem."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specreason.evaluation.intervals import Interval
from specreason.evaluation.speculation import Drafting, Speculation, speculation

# Two jobs: 20 steps, 16 of them drafted and 12 of these kept; 400 tokens kept and 540 spent.
PROBLEM = Drafting(
    num_jobs=2,
    num_steps=20,
    num_drafter_steps=12,
    num_drafted=16,
    num_accepted=12,
    kept_tokens=400,
    drafter_tokens=240,
    spent_tokens=540,
    drafted_tokens=320,
    drafting_s=4.0,
    num_base_calls=10,
    ttft_s=1.0,
    base_s=9.0,
    base_tokens=180,
)
ALONE = Drafting(
    num_jobs=2,
    num_steps=20,
    num_drafter_steps=0,
    num_drafted=0,
    num_accepted=0,
    kept_tokens=400,
    drafter_tokens=0,
    spent_tokens=404,
    num_base_calls=22,
    ttft_s=2.2,
    base_s=19.0,
    base_tokens=380,
)


def of(*problems: Drafting) -> Speculation:
    found = speculation(problems)
    assert found is not None
    return found


def mean(interval: Interval | None) -> float:
    assert interval is not None
    return interval.mean


def test_shares_and_means_are_those_of_the_sums() -> None:
    found = of(PROBLEM, replace(PROBLEM, num_accepted=8, num_drafter_steps=8, drafter_tokens=160))
    assert mean(found.acceptance) == pytest.approx(20 / 32)
    assert mean(found.drafter_steps) == pytest.approx(20 / 40)
    assert mean(found.drafter_tokens) == pytest.approx(400 / 800)
    assert (found.kept_tokens.mean, found.spent_tokens.mean, found.wasted_tokens.mean) == (200, 270, 70)
    assert mean(found.wasted_share) == pytest.approx(140 / 540)


def test_break_even_is_where_a_draft_costs_what_it_saves() -> None:
    # A draft and its verdict take 0.25 s, a call's first token 0.1 s, and a step of 20 tokens 1 s of the base.
    found = of(PROBLEM, PROBLEM)
    even = mean(found.break_even)
    assert even == pytest.approx((0.25 + 0.1) / (1.0 + 0.1))
    assert 0.25 + (1 - even) * 0.1 == pytest.approx(even * 20 * 0.05)
    assert mean(found.margin) == pytest.approx(0.75 - even)


def test_if_drafts_took_no_time_the_base_would_only_write_its_own_tokens() -> None:
    assert mean(of(PROBLEM, PROBLEM).speedup_limit) == pytest.approx(400 / 160)


def test_the_base_alone_has_tokens_and_no_drafts() -> None:
    found = of(ALONE, ALONE)
    assert found.acceptance is found.break_even is found.margin is None
    assert mean(found.drafter_steps) == mean(found.drafter_tokens) == 0
    assert mean(found.speedup_limit) == 1
    assert found.wasted_tokens.mean == 2


def test_the_drafter_alone_has_no_limit_to_its_speedup() -> None:
    found = of(
        *[replace(ALONE, num_drafter_steps=20, drafter_tokens=400, num_base_calls=0, base_tokens=0)] * 2
    )
    assert found.speedup_limit is None
    assert found.break_even is None
    assert mean(found.drafter_tokens) == 1


def test_drafts_that_are_all_kept_have_an_acceptance_and_no_break_even() -> None:
    found = of(
        *[replace(PROBLEM, num_accepted=16, num_base_calls=0, ttft_s=0.0, base_s=0.0, base_tokens=0)] * 3
    )
    assert mean(found.acceptance) == 1
    assert found.break_even is None
    assert found.margin is None


def test_problems_that_differ_have_intervals_around_every_figure() -> None:
    other = replace(
        PROBLEM, num_accepted=9, num_drafter_steps=9, drafter_tokens=190, drafting_s=5.0, ttft_s=1.2
    )
    third = replace(PROBLEM, num_accepted=13, kept_tokens=380, spent_tokens=530, drafting_s=3.5)
    found = of(PROBLEM, other, third)
    for name in Speculation.__slots__:
        interval = getattr(found, name)
        assert interval.low < interval.mean < interval.high, name


def test_one_problem_has_figures_and_no_intervals_of_means() -> None:
    found = of(PROBLEM)
    assert found.kept_tokens == Interval(mean=200, low=None, high=None)
    assert found.break_even is not None
    assert found.break_even.bounds is None


def test_no_job_has_no_speculation() -> None:
    assert speculation([]) is None
    assert speculation([replace(ALONE, num_jobs=0)]) is None
