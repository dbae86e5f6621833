"""Which batches are one cell, which jobs count in it, and its main figures."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreason.evaluation.report.report import make_report
from specreason.evaluation.report.rows import ReportJob
from tests.support.report_rows import (
    Batch,
    batch_of,
    cell_of_scheme,
    examples,
    figure_of,
    report_of,
    rows_of_report,
    shuffled,
)

FOUR = [[True], [True], [False], [True]]
DRAFTING = {"scheme": "specreason", "threshold": 7.0}


def changed(batch: Batch, place: int, **values: object) -> Batch:
    """The batch with other values of one of its jobs."""
    value, jobs = batch
    return value, tuple(replace(job, **values) if at == place else job for at, job in enumerate(jobs))


def test_batches_that_differ_only_in_their_repeats_are_one_cell() -> None:
    first = batch_of(1, [[True, False], [True, True]])
    later = batch_of(2, [[True], [False]], first_repeat=2)
    (cell,) = report_of(first, later).cells
    assert (cell.num_problems, cell.num_jobs, cell.batch_ids) == (2, 6, (UUID(int=1), UUID(int=2)))
    assert cell.pass_at_1 is not None
    assert cell.pass_at_1.mean == pytest.approx(4 / 6)


def test_a_configuration_of_before_first_repeat_belongs_to_the_cell_of_those_with_it() -> None:
    old = batch_of(1, FOUR)
    new = batch_of(2, FOUR, first_repeat=1)
    (cell,) = report_of(old, new).cells
    assert cell.num_jobs == 8


def test_knobs_that_a_scheme_does_not_read_make_no_other_cell() -> None:
    (cell,) = report_of(
        batch_of(1, FOUR, threshold=5.0), batch_of(2, FOUR, threshold=9.0, overlap=False, job={"repeat": 1})
    ).cells
    assert (cell.scheme, "threshold" in cell.knobs) == ("base", False)


def test_a_threshold_that_was_left_to_the_pair_is_shown_as_it_was_in_force() -> None:
    left = batch_of(1, FOUR, scheme="specreason", threshold=None, batch={"threshold": 7.0})
    given_one = batch_of(2, FOUR, **DRAFTING, job={"repeat": 1})
    report = report_of(left, given_one)
    (cell,) = report.cells
    assert cell.knobs["threshold"] == 7.0
    assert figure_of(report, "accuracy_latency").dicts()[0]["threshold"] == 7.0
    assert report.configurations[str(UUID(int=1))]["config"]["threshold"] is None


def test_of_two_jobs_of_a_problem_and_repeat_the_newest_graded_one_counts() -> None:
    graded = batch_of(1, FOUR)
    again = changed(batch_of(2, [[False]] * 4), 0, is_correct=None)
    report = report_of(graded, again)
    (cell,) = report.cells
    assert (cell.num_jobs, cell.num_graded) == (4, 4)
    assert cell.pass_at_1 is not None
    # The first problem's newer job has no grade; of the others the newer ones are wrong.
    assert cell.pass_at_1.mean == pytest.approx(1 / 4)
    assert any("4 jobs have the problem and repeat of another one" in remark for remark in report.remarks)


def test_problems_are_the_same_if_their_texts_are_whatever_their_place() -> None:
    def turned(job: ReportJob) -> ReportJob:
        return replace(job, problem_index=3 - job.problem_index)

    base = batch_of(1, FOUR)
    drafting = batch_of(2, FOUR, **DRAFTING, job={"latency_s": 1.0})
    drafting = (drafting[0], tuple(map(turned, drafting[1])))
    assert cell_of_scheme(report_of(base, drafting), "specreason").num_problems == 4
    speedup = cell_of_scheme(report_of(base, drafting), "specreason").speedup
    assert speedup is not None
    assert speedup.mean == pytest.approx((2 + 3 + 4 + 5) / 4)


def test_equal_texts_in_a_batch_are_several_problems() -> None:
    (cell,) = report_of(batch_of(1, FOUR, job={"problem_digest": 7})).cells
    assert (cell.num_problems, cell.num_jobs) == (4, 4)


def test_what_did_not_succeed_was_resumed_or_has_no_grade_counts_where_it_may() -> None:
    batch = changed(batch_of(1, FOUR), 0, resumed=True)
    batch = changed(batch, 1, state="failed", is_correct=None)
    batch = changed(batch, 3, is_correct=None, is_to_grade=True)
    report = report_of(batch)
    (cell,) = report.cells
    assert (cell.num_jobs, cell.num_succeeded, cell.num_graded) == (4, 3, 2)
    assert cell.pass_at_1 is not None
    assert cell.latency_s is not None
    assert cell.kept_tokens is not None
    assert cell.pass_at_1.mean == 0.5
    assert cell.latency_s.mean == pytest.approx((4 + 5) / 2)
    assert cell.kept_tokens.mean == 80
    said = " ".join(report.remarks)
    for part in ("1 job did not succeed", "1 answer waits", "leaves out 1 job", "Latencies leave out 1 job"):
        assert part in said


def test_figures_have_intervals_over_problems_and_one_problem_has_none_for_times() -> None:
    four, one = report_of(batch_of(1, FOUR)).cells[0], report_of(batch_of(1, [[True, False]])).cells[0]
    assert four.pass_at_1 is not None
    assert four.latency_s is not None
    assert one.pass_at_1 is not None
    assert one.latency_s is not None
    assert four.pass_at_1.bounds is not None
    assert four.latency_s.bounds is not None
    assert one.pass_at_1.bounds is not None
    assert one.latency_s.bounds is None
    assert four.pass_at_1.bounds[0] < 0.75 < four.pass_at_1.bounds[1]


def test_a_speedup_is_over_shared_problems_and_repeats_with_a_base_of_the_same_model() -> None:
    base = batch_of(1, FOUR[:3], batch={"pair": "demo"}, job={"latency_s": 6.0})
    drafting = batch_of(
        2,
        [[True, True]] * 4,
        **{**DRAFTING, "scheme": "specreason+decode"},
        batch={"pair": "demo-decode"},
    )
    speedup = cell_of_scheme(report_of(base, drafting), "specreason+decode").speedup
    assert speedup is not None
    assert speedup.mean == pytest.approx(6 / 3)
    for other in ({"models": {"base": "owner/Other"}}, {"dataset": "others"}):
        alone = report_of((replace(base[0], **other), base[1]), drafting)
        assert cell_of_scheme(alone, "specreason+decode").speedup is None
        assert any("No speedup is known of" in remark for remark in alone.remarks)
    for knob in ({"token_budget": 512}, {"temperature": 0.0}, {"top_k": 5}):
        config = {**base[0].config, **knob}
        alone = report_of((replace(base[0], config=config), base[1]), drafting)
        assert cell_of_scheme(alone, "specreason+decode").speedup is None


def test_a_dataset_without_a_name_is_called_as_the_oldest_batch_of_the_same_problems() -> None:
    unnamed = {"dataset": None}
    report = report_of(
        batch_of(2, FOUR, **DRAFTING, batch=unnamed | {"name": "later"}),
        batch_of(1, FOUR, batch=unnamed | {"name": "sums of today"}),
        batch_of(3, FOUR, batch=unnamed | {"name": "others", "problems_digest": "others"}),
    )
    assert [cell.dataset for cell in report.cells] == ["others", "sums of today", "sums of today"]


def test_cells_have_different_keys_and_labels_and_the_same_keys_in_every_report() -> None:
    batches = [
        batch_of(1, FOUR),
        batch_of(2, FOUR, **DRAFTING),
        batch_of(3, FOUR, scheme="specreason", threshold=5.0),
    ]
    whole, part = report_of(*batches), report_of(batches[1])
    assert len({cell.key for cell in whole.cells}) == len({cell.label for cell in whole.cells}) == 3
    assert part.cells[0].key in {cell.key for cell in whole.cells}


@settings(deadline=None)
@given(order=st.permutations(range(5)))
def test_the_order_of_batches_and_jobs_does_not_change_a_report(order: list[int]) -> None:
    rows = rows_of_report(
        batch_of(1, [[True, False], [True, True], [False, True]], job={"latency_s": 0.1, "engine_s": 0.07}),
        batch_of(2, [[True], [False], [False]], first_repeat=2, job={"draft_s": 0.3}),
        batch_of(3, [[True], [None], [False]], **DRAFTING),
        batch_of(4, [[False], [True], [True]], **DRAFTING, token_budget=512, job={"num_accepted": 1}),
        batch_of(5, [[False], [True], [True]], token_budget=512, job={"concurrency": 1.7}),
    )
    assert make_report(shuffled(rows, order), examples, title="x") == make_report(rows, examples, title="x")
