"""What drafting brought, from the calls behind the steps and the tokens of jobs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from specreason.evaluation.figures.drafting import drafting
from specreason.evaluation.figures.tokens import tokens
from specreason.evaluation.figures.values import Drafting, Tokens
from specreason.evaluation.intervals import Interval
from tests.support.calls import Call, calls_of, drafted, written

NAN = float("nan")


def steps(problem: int = 0, *, num_kept: int = 12, repeat: int = 0, waited_s: float = 0.25) -> list[Call]:
    """A job of 16 drafts, and four steps that the base wrote alone."""
    kept = [place < num_kept for place in range(16)]
    return [
        *(drafted(accepted=each, problem=problem, repeat=repeat, waited_s=waited_s) for each in kept),
        *[written(problem=problem, repeat=repeat)] * 4,
    ]


def of(calls: Sequence[Call]) -> Drafting:
    found = drafting(calls_of(calls))
    assert found is not None
    return found


def mean(interval: Interval | None) -> float:
    assert interval is not None
    return interval.mean


def test_break_even_is_where_a_draft_costs_what_it_saves() -> None:
    # A draft and its verdict take 0.25 s, a call's first token 0.1 s, and a step of 20 tokens 1 s of the base.
    found = of([*steps(0), *steps(1)])
    even = mean(found.break_even)
    assert even == pytest.approx((0.25 + 0.1) / (1.0 + 0.1))
    assert 0.25 + (1 - even) * 0.1 == pytest.approx(even * 20 * 0.05)
    assert found.acceptance.mean == pytest.approx(0.75)
    assert mean(found.margin) == pytest.approx(0.75 - even)


def test_a_drafts_figures_say_over_how_many_jobs_and_problems_they_are() -> None:
    found = of([*steps(0), *steps(0, repeat=1), *steps(1), written(problem=2)])
    assert (found.num_drafts, found.num_jobs, found.num_problems) == (48, 3, 2)


def test_without_drafts_there_is_nothing_to_say_of_them() -> None:
    assert drafting(calls_of([written(), written(problem=1)])) is None
    assert drafting(calls_of([])) is None


@pytest.mark.parametrize("answers", [[], [written(by_base=False)], [written(tokens=1), written(tokens=0)]])
def test_where_the_base_wrote_nothing_there_is_no_break_even(answers: list[Call]) -> None:
    found = of([*[drafted(accepted=True)] * 16, *answers])
    assert found.acceptance.mean == 1
    assert found.break_even is None
    assert found.margin is None


def test_problems_that_differ_have_intervals_around_every_figure() -> None:
    found = of([*steps(0), *steps(1, num_kept=9, waited_s=0.3), *steps(2, num_kept=13, waited_s=0.2)])
    for interval in (found.acceptance, found.break_even, found.margin):
        assert interval is not None
        assert interval.bounds is not None
        assert interval.bounds[0] < interval.mean < interval.bounds[1]


def test_one_problem_has_a_break_even_without_an_interval() -> None:
    found = of(steps())
    assert found.break_even is not None
    assert found.margin is not None
    assert found.break_even.bounds is found.margin.bounds is None


def of_tokens(
    problems: Sequence[int] = (0, 0, 1), by_drafter: Sequence[float] = (240, 240, 160)
) -> Tokens | None:
    return tokens(
        problems,
        kept=[400, 400, 400],
        spent=[540, 540, 600],
        by_drafter=by_drafter,
        steps=[20, 20, 20],
        drafter_steps=[12, 12, 8],
    )


def test_tokens_are_means_per_job_and_shares_are_of_the_sums() -> None:
    found = of_tokens()
    assert found is not None
    assert (found.kept.mean, found.spent.mean, found.wasted.mean) == (400, 560, 160)
    assert mean(found.wasted_share) == pytest.approx(480 / 1680)
    assert mean(found.drafter_steps) == pytest.approx(32 / 60)
    assert mean(found.drafter_tokens) == pytest.approx(640 / 1200)
    assert (found.num_jobs, found.num_problems) == (3, 2)


def test_if_drafts_took_no_time_the_base_would_only_write_its_own_tokens() -> None:
    alone, none = of_tokens(by_drafter=(0, 0, 0)), of_tokens(by_drafter=(400, 400, 400))
    found = of_tokens()
    assert found is not None
    assert alone is not None
    assert none is not None
    assert mean(found.speedup_limit) == pytest.approx(1200 / 560)
    assert mean(alone.speedup_limit) == 1
    assert none.speedup_limit is None


def test_jobs_whose_tokens_are_unknown_are_left_out() -> None:
    found = of_tokens(by_drafter=(240, NAN, 160))
    assert found is not None
    assert (found.num_jobs, mean(found.drafter_tokens)) == (2, pytest.approx(400 / 800))
    assert of_tokens(by_drafter=(NAN, NAN, NAN)) is None
