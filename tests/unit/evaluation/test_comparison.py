"""What is said of two batches: which problems are the same, each figure from numbers by hand, and the sentences."""

from __future__ import annotations

from dataclasses import fields, replace
from math import exp
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from specreason.errors import InputError, InvalidField
from specreason.evaluation.comparison.compare import compare
from specreason.evaluation.comparison.contrasts import Parts, parts, quantiles
from specreason.evaluation.comparison.knobs import differing_knobs
from specreason.evaluation.comparison.matching import match
from specreason.evaluation.comparison.saying import needed_problems
from specreason.evaluation.comparison.values import Comparison, Figure, Figures, Outcome
from specreason.evaluation.intervals import Interval
from tests.support.runs import run_of

OTHER = UUID(int=2)


def right(*pattern: int) -> list[list[bool | None]]:
    """One repeat of each problem, right where there is a 1."""
    return [[bool(each)] for each in pattern]


def numbers(comparison: Comparison) -> list[float | None]:
    """Every number of the figures."""
    figures = [getattr(comparison.figures, field.name) for field in fields(Figures)]
    intervals = [
        interval
        for figure in figures
        for interval in (
            (figure.a, figure.b, figure.difference, figure.ratio) if isinstance(figure, Figure) else (figure,)
        )
    ]
    return [value for i in intervals if i is not None for value in (i.mean, i.low, i.high)]


def test_problems_match_by_their_own_ids_whatever_their_order() -> None:
    a = run_of(right(1, 0, 1))
    b = run_of(right(0, 1, 1), problem=lambda index: {"problem_id": f"p{2 - index}", "digest": 99})
    found = match(a, b)
    assert (found.by, list(found.problems)) == (
        "id",
        [(0, 2), (1, 1), (2, 0)],
    )
    assert [grades.outcome for grades in found.grades] == [Outcome.TIED, Outcome.WON, Outcome.LOST]


@pytest.mark.parametrize("missing", [{"problem_id": None}, {"problem_id": "all the same"}])
def test_without_unique_ids_they_match_by_text_and_equal_texts_in_their_order(
    missing: dict[str, Any],
) -> None:
    texts = [1, 2, 2, 3]
    a = run_of(right(1, 1, 0, 0), problem=lambda index: missing | {"digest": texts[index]})
    b = run_of(right(0, 0, 0), problem=lambda index: {"digest": [2, 1, 2][index]})
    found = match(a, b)
    assert (found.by, list(found.problems)) == (
        "text",
        [(0, 1), (1, 0), (2, 2)],
    )
    compared = compare(a, b)
    assert (compared.a.num_problems_left_out, compared.b.num_problems_left_out) == (1, 0)


def test_ids_that_only_one_side_knows_do_not_hide_that_the_texts_are_the_same() -> None:
    renamed = run_of(right(1, 1), problem=lambda index: {"problem_id": f"new-{index}"})
    assert match(run_of(right(1, 0)), renamed).by == "text"


def test_nothing_in_common_is_refused_in_a_sentence() -> None:
    other = run_of(right(1), problem=lambda index: {"problem_id": "x", "digest": 99})
    with pytest.raises(InputError, match=r"no problem in common, neither by id nor by text"):
        compare(run_of(right(1)), other)


def test_only_repeats_of_both_are_compared() -> None:
    compared = compare(run_of([[True, True, False]] * 3), run_of([[True, False]] * 3, batch_id=OTHER))
    assert (compared.num_pairs, compared.a.num_jobs_left_out, compared.b.num_jobs_left_out) == (6, 3, 0)
    assert compared.figures.pass_at_1 is not None
    assert compared.figures.pass_at_1.a == replace(compared.figures.pass_at_1.a, mean=1.0)


def test_figures_by_hand() -> None:
    """Four problems: B wins one of them, is twice as fast, and spends half as much more."""
    faster = {
        "latency_s": 1.0,
        "spent_tokens": 150,
        "num_accepted": 3,
        "base_device_s": 0.25,
        "drafter_tokens": 60,
    }
    a, b = run_of(right(1, 0, 0, 0)), run_of(right(1, 1, 0, 0), job=lambda *_: faster, batch_id=OTHER)
    compared = compare(a, b, gpu_hour_price=3.6)
    figures = compared.figures

    def of(figure: Figure | None) -> list[float | None]:
        assert figure is not None
        return [
            None if each is None else each.mean
            for each in (figure.a, figure.b, figure.difference, figure.ratio)
        ]

    assert of(figures.pass_at_1) == pytest.approx([0.25, 0.5, 0.25, None])
    assert of(figures.latency_s) == pytest.approx([2, 1, -1, 0.5])
    assert of(figures.latency_p95_s) == pytest.approx([2, 1, -1, None])
    assert figures.speedup == Interval(mean=2.0, low=None, high=None)
    assert of(figures.kept_tokens) == pytest.approx([80, 80, 0, 1])
    assert of(figures.wasted_tokens) == pytest.approx([20, 70, 50, 3.5])
    # Two devices; 8 GPU-seconds for one right answer, and 4 for two.
    assert of(figures.gpu_s) == pytest.approx([2, 1, -1, 0.5])
    assert of(figures.gpu_s_per_right_answer) == pytest.approx([8, 2, -6, 0.25])
    assert of(figures.price_per_right_answer) == pytest.approx([0.008, 0.002, -0.006, 0.25])
    assert of(figures.step_acceptance) == pytest.approx([4 / 6, 3 / 6, -1 / 6, None])
    assert of(figures.drafter_steps) == pytest.approx([0.5, 0.5, 0, None])
    assert of(figures.drafter_tokens) == pytest.approx([30 / 80, 60 / 80, 30 / 80, None])
    assert (compared.outcomes.num_won, compared.outcomes.num_lost, compared.outcomes.num_tied) == (1, 0, 3)


def test_mcnemars_p_is_that_of_the_sign_test() -> None:
    """8 won and 2 lost: 2 · (1 + 10 + 45) / 2^10."""
    compared = compare(run_of(right(*[0] * 8, 1, 1, 1)), run_of(right(*[1] * 8, 0, 0, 1), batch_id=OTHER))
    assert compared.outcomes.mcnemar_p == pytest.approx(0.109375)
    assert compared.outcomes.bootstrap_p == pytest.approx(0.109375, abs=0.02)


def test_pass_and_majority_at_k_count_equal_answers_together() -> None:
    """B's wrong answers are one value in two spellings, and outvote the right one."""
    a = run_of([[True, False, False]] * 2, job=lambda index, repeat: {"answer": ["4", "5", "6"][repeat]})
    b = run_of(
        [[True, False, False]] * 2,
        job=lambda index, repeat: {"answer": ["4", "1/2", "0.5"][repeat]},
        batch_id=OTHER,
    )
    compared = compare(a, b, vote_of={"5": "5", "6": "6", "1/2": "half", "0.5": "half"}.__getitem__)
    passes, majority = compared.figures.pass_at_k, compared.figures.majority_at_k
    assert compared.k == 3
    assert passes is not None
    assert majority is not None
    assert (passes.a.mean, passes.b.mean) == (1.0, 1.0) if passes.a and passes.b else False
    assert majority.a is not None
    assert majority.b is not None
    assert (majority.a.mean, majority.b.mean) == (pytest.approx(1 / 3), 0.0)
    of_one = compare(a, b, k=2, vote_of=str).figures.pass_at_k
    assert of_one is not None
    assert of_one.a is not None
    assert of_one.a.mean == pytest.approx(2 / 3)


def test_a_k_without_so_many_repeats_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        InvalidField, match=r"k: must be 1 to 2: .* at most 2 graded repeats in both \(got 5\)"
    ):
        compare(run_of([[True, False]]), run_of([[True, True]]), k=5)
    with pytest.raises(InvalidField, match="has no graded repeat in both"):
        compare(run_of([[None]]), run_of([[True]]), k=1)
    assert compare(run_of([[True, False]]), run_of([[True, True]]), k=1).k is None


def test_resumed_and_unsuccessful_jobs_have_no_latency_that_counts() -> None:
    a = run_of(right(1, 1, 1))
    b = run_of(
        [[True], [True], [None]],
        job=lambda index, repeat: [{}, {"resumed": True, "latency_s": 99.0}, {"state": "failed"}][index],
        batch_id=OTHER,
    )
    compared = compare(a, b)
    assert compared.figures.latency_s is not None
    assert (compared.figures.latency_s.num_jobs, compared.b.num_resumed) == (1, 1)
    assert compared.outcomes.num_ungraded == 1
    assert (
        "1 job of B did not succeed: its pair counts only in the device time per right answer."
        in compared.warnings
    )


@pytest.mark.parametrize("state", ["cancelled", "expired", "dead", "failed"])
def test_jobs_that_did_not_succeed_lower_no_mean_of_time_or_tokens(state: str) -> None:
    """Two equal batches, but half of B's jobs ended before they ran."""
    nothing = dict.fromkeys(
        ("drafter_device_s", "base_device_s", "kept_tokens", "spent_tokens", "drafter_tokens", "num_drafted"),
        0,
    )
    b = run_of(
        [[True]] * 10 + [[None]] * 10,
        job=lambda index, repeat: {} if index < 10 else {"state": state, **nothing},
        batch_id=OTHER,
    )
    figures = compare(run_of([[True]] * 20), b, gpu_hour_price=1.0).figures
    for name in ("gpu_s", "price", "kept_tokens", "spent_tokens", "wasted_tokens", "latency_s"):
        figure = getattr(figures, name)
        assert (figure.num_jobs, figure.difference.mean, figure.ratio.mean) == (10, 0, 1), name
    assert figures.step_acceptance is not None
    assert figures.step_acceptance.num_jobs == 10


def test_a_right_answer_costs_also_what_jobs_without_success_took() -> None:
    """Of B's four jobs of 2 GPU-seconds one fails, and one still runs."""
    b = run_of(
        [[True], [True], [None], [None]],
        job=lambda index, repeat: [{}, {}, {"state": "failed"}, {"state": "running"}][index],
        batch_id=OTHER,
    )
    figure = compare(run_of([[True]] * 4), b).figures.gpu_s_per_right_answer
    assert figure is not None
    assert figure.a is not None
    assert figure.b is not None
    assert (figure.num_jobs, figure.a.mean, figure.b.mean) == (3, 2.0, 3.0)
    ungraded = run_of([[None]] * 2, job=lambda *_: {"state": "failed", "is_gradable": False}, batch_id=OTHER)
    assert compare(run_of(right(1, 1)), ungraded).figures.gpu_s_per_right_answer is None


def test_one_job_without_a_grade_does_not_change_k() -> None:
    a = run_of([[True, False, False, True]] * 5)
    b = run_of([[True, False, True, None], *[[True, False, True, True]] * 4], batch_id=OTHER)
    compared = compare(a, b)
    passes = compared.figures.pass_at_k
    assert compared.k == 4
    assert passes is not None
    assert passes.num_problems == 4
    assert compare(run_of([[True]] * 3 + [[True] * 2]), run_of([[True]] * 3 + [[True] * 2])).k is None


def test_a_side_that_drafts_nothing_has_no_acceptance_and_the_other_keeps_its_own() -> None:
    nothing = {"num_drafted": 0, "num_accepted": 0}
    compared = compare(run_of(right(1, 0), job=lambda *_: nothing), run_of(right(1, 0), batch_id=OTHER))
    acceptance = compared.figures.step_acceptance
    assert acceptance is not None
    assert (acceptance.a, acceptance.difference) == (None, None)
    assert acceptance.b is not None
    assert acceptance.b.mean == pytest.approx(4 / 6)


def test_old_rows_lose_only_the_figures_that_they_lack() -> None:
    unknown = dict.fromkeys(
        ("num_thinking", "num_by_drafter", "drafter_tokens", "drafter_device_s", "base_device_s")
    )
    compared = compare(
        run_of(right(1, 0), job=lambda *_: unknown), run_of(right(1, 1), batch_id=OTHER), gpu_hour_price=1
    )
    figures = compared.figures
    assert figures.drafter_steps is figures.drafter_tokens is figures.gpu_s is figures.price is None
    assert figures.spent_tokens is not None
    assert "The device time of 2 ended jobs of A was not measured." in compared.warnings


@pytest.mark.parametrize(
    "grades",
    [[[True]], [[False]], [[None]], [[True], [True]], [[True, False]], [[None], [True]], [[True]] * 3],
)
def test_small_inputs_have_no_number_that_is_none(grades: list[list[bool | None]]) -> None:
    compared = compare(run_of(grades), run_of(grades, batch_id=OTHER), gpu_hour_price=2.0)
    assert all(value is None or np.isfinite(value) for value in numbers(compared))
    assert compared.says


def test_one_problem_says_nothing_of_others() -> None:
    compared = compare(run_of(right(1)), run_of(right(0), batch_id=OTHER))
    assert compared.says[0].startswith("One problem tells nothing of others")
    assert compared.outcomes.mcnemar_p is None


def test_what_the_figures_allow_to_say() -> None:
    def said(a: list[int], b: list[int]) -> str:
        return compare(run_of(right(*a)), run_of(right(*b), batch_id=OTHER)).says[0]

    better = said([0] * 30 + [1] * 70, [1] * 100)
    assert better.startswith("B is right more often: +30.0 points (95 %: ")
    assert better.endswith(" over 100 problems.")
    assert said([1] * 100, [0] * 30 + [1] * 70).startswith("B is right less often: −30.0 points")
    same = said([0, 1] * 50, [1, 0] + [0, 1] * 49)
    assert same.startswith("No difference in right answers is shown: 0.0 points (95 %: ")
    assert "it would take about " in same
    assert compare(run_of([[None]] * 2), run_of([[None]] * 2)).says[0].startswith("Nothing can be said")


def test_latencies_at_other_loads_are_not_said_to_be_faster() -> None:
    busy = run_of(right(1, 0, 1), job=lambda *_: {"concurrency": 16.0, "latency_s": 8.0}, batch_id=OTHER)
    compared = compare(run_of(right(1, 0, 1)), busy)
    assert "Latencies do not compare: A's were measured at 4.0 jobs in flight, B's at 16.0." in compared.says
    assert any("16.0 in B: they do not compare" in warning for warning in compared.warnings)
    alike = run_of(right(1, 0, 1), job=lambda *_: {"concurrency": 4.5, "latency_s": 1.0}, batch_id=OTHER)
    assert (
        "B is 2.00 times (on each problem) as fast, over 3 jobs."
        in compare(run_of(right(1, 0, 1)), alike).says
    )


def test_the_number_of_problems_that_would_show_a_difference_is_the_textbooks() -> None:
    """(1.960 + 0.842)² σ² / δ²: for σ = 0.5 and δ = 0.1 that is 197."""
    assert needed_problems(0.5**2, 0.1) == 197


def test_few_problems_do_not_foretell_how_many_would_show_a_difference() -> None:
    def said(num_won: int, num_lost: int) -> str:
        a, b = [0] * num_won + [1] * num_lost, [1] * num_won + [0] * num_lost
        return compare(run_of(right(*a)), run_of(right(*b), batch_id=OTHER)).says[0]

    assert "it would take" not in said(1, 1)
    assert "it would take" not in said(5, 4)
    # Each problem differs by one answer: 784.9 for 10 points, with the added outcomes' variance of 11 / 12.
    assert "it would take about 720 such problems to see one of 10 points" in said(5, 5)


def test_every_reason_to_doubt_is_told() -> None:
    a = run_of(right(1, 0, 1))
    b = run_of(
        [[True], [None], [None]],
        job=lambda index, repeat: [
            {"graded_by": "mine 2", "pair_fingerprint": "two"},
            {"state": "running", "is_gradable": True, "pair_fingerprint": "two"},
            {"pair_fingerprint": "two"},
        ][index],
        problem=lambda index: {
            "gold": "5" if index == 1 else "4",
            "digest": 99 if index == 2 else index,
        },
        batch_id=OTHER,
    )
    assert compare(a, b).warnings == (
        "1 matched problem has the same id and another text.",
        "1 matched problem has another gold answer in B than in A: `specreason batch regrade` sets one.",
        "1 job of B has not ended: these figures will change.",
        "1 answer of B waits for a grade.",
        "Different graders: A by layers 1, B by mine 2.",
        "The pair demo was another one in B, by its fingerprint: its weights, templates or engine have changed since.",
    )
    other_pair = replace(a, pair="large", batch_id=OTHER)
    assert compare(a, other_pair).warnings == (
        "A ran on the pair demo, B on large: latencies and costs are those of two pairs.",
    )
    assert compare(a, a).warnings == ("A and B are the same batch.",)


def test_a_batch_beside_itself_differs_in_nothing() -> None:
    run = run_of([[True, False], [False, False], [True, True]])
    compared = compare(run, run)
    for field in fields(Figures):
        figure = getattr(compared.figures, field.name)
        if isinstance(figure, Figure) and figure.difference is not None:
            assert (figure.a, figure.difference.mean) == (figure.b, 0.0)
    assert (compared.outcomes.mcnemar_p, compared.outcomes.num_tied) == (1.0, 3)


def test_knobs_that_differ_are_listed_with_the_pair_first() -> None:
    a = run_of(right(1), config={"scheme": "base", "seed": 0, "old": 1})
    b = run_of(right(1), config={"scheme": "specreason", "seed": 0}, pair="large")
    assert [(knob.name, knob.a, knob.b) for knob in differing_knobs(a, b)] == [
        ("pair", "demo", "large"),
        ("old", 1, None),
        ("scheme", "base", "specreason"),
    ]


def test_a_knob_that_an_older_version_did_not_store_has_its_default() -> None:
    old, new = (run_of(right(1), config={"scheme": "base"} | more) for more in ({}, {"token_budget": 8192}))
    assert differing_knobs(old, new) == ()
    (knob,) = differing_knobs(old, run_of(right(1), config={"scheme": "base", "token_budget": 100}))
    assert (knob.name, knob.a, knob.b) == ("token_budget", 8192, 100)


def drawn(chance: np.random.Generator, num: int) -> tuple[np.ndarray, np.ndarray, Parts]:
    """Latencies of two runs, and their costs by right answer: hard problems take long and are wrong in both."""
    hard = chance.normal(0, 0.5, num)
    a, b = (np.exp(mean + hard + chance.normal(0, spread, num)) for mean, spread in ((1, 0.3), (0.8, 0.4)))
    is_right = [(chance.random(num) < 1 / (1 + np.exp(hard - shift))).astype(float) for shift in (0.5, 0.7)]
    return a, b, Parts(a, is_right[0], b, is_right[1])


def test_intervals_of_differences_hold_what_they_promise() -> None:
    """In 600 simulated pairs of 100 problems. Those of percentiles are exact or wider, so they hold more."""
    chance = np.random.default_rng(7)
    problems = np.arange(100)
    per_right = _cost(0.8, 0.4, 0.7) - _cost(1.0, 0.3, 0.5)
    median = exp(0.8) - exp(1.0)
    held = {"median": 0, "cost": 0}
    for _ in range(600):
        a, b, cost = drawn(chance, 100)
        of_median, of_cost = quantiles(problems, a, b, 0.5), parts(problems, cost, is_share=False)
        assert of_median is not None
        assert of_cost is not None
        for name, figure, truth in (("median", of_median, median), ("cost", of_cost, per_right)):
            assert figure.difference is not None
            assert figure.difference.bounds is not None
            low, high = figure.difference.bounds
            held[name] += low <= truth <= high
    assert 0.93 <= held["cost"] / 600 <= 0.97
    assert 0.93 <= held["median"] / 600 <= 0.995


def _cost(mean: float, spread: float, shift: float) -> float:
    """The expected time over the expected share of right answers, by the quadrature of Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    share = float((weights / (1 + np.exp(0.5 * nodes - shift))).sum() / weights.sum())
    return exp(mean + (0.5**2 + spread**2) / 2) / share
