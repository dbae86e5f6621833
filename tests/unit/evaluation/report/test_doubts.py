"""What a reader must be told before a figure is believed, and how many jobs are behind one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.report_rows import batch_of, cell_of_scheme, figure_of, report_of

FOUR = [[True], [True], [False], [True]]
DRAFTING: dict[str, Any] = {"scheme": "specreason", "threshold": 7.0}


def test_a_headline_says_that_its_speedup_was_measured_at_two_loads() -> None:
    base = batch_of(1, FOUR, job={"concurrency": 1.0})
    report = report_of(base, batch_of(2, FOUR, **DRAFTING, job={"concurrency": 8.0}))
    assert (
        "It had 8.0 jobs in flight and the base 1.0, so that these latencies do not compare." in report.says
    )
    assert any("1.0 to 8.0 jobs in flight" in remark for remark in report.remarks)
    alike = report_of(base, batch_of(2, FOUR, **DRAFTING, job={"concurrency": 1.1}))
    assert "in flight" not in alike.says + " ".join(alike.remarks)


def test_figures_count_the_jobs_that_are_behind_them_and_not_those_to_come() -> None:
    queued = {"state": "queued", "is_correct": None, "latency_s": None}
    batches = []
    grid: tuple[dict[str, Any], ...] = ({}, DRAFTING, {**DRAFTING, "threshold": 3.0})
    for number, knobs in enumerate(grid, 1):
        value, (first, second, third, last) = batch_of(number, FOUR, **knobs)
        jobs = (first, replace(second, is_correct=None), third, replace(last, **queued))
        batches.append((value, jobs))
    report = report_of(*batches)
    for name in ("accuracy_latency", "threshold_sweep"):
        assert {row["num_jobs"] for row in figure_of(report, name).dicts()} == {2}
    assert {row["num_problems"] for row in figure_of(report, "accuracy_latency").dicts()} == {2}
    ungraded = report_of(*(batch_of(n, [[None]] * 3, **{**DRAFTING, "threshold": float(n)}) for n in (1, 2)))
    assert {row["num_jobs"] for row in figure_of(ungraded, "threshold_sweep").dicts()} == {3}


def test_a_cell_whose_batches_ran_on_other_versions_of_the_pair_is_said_to() -> None:
    first = batch_of(1, FOUR, batch={"versions": ("a",)})
    later = batch_of(2, FOUR, first_repeat=1, batch={"versions": ("b",)})
    assert any(
        "base ran on several versions of the pair demo" in each for each in report_of(first, later).remarks
    )
    other = batch_of(3, FOUR, **DRAFTING, batch={"versions": ("b",)})
    assert any("Not all cells ran on the same version" in each for each in report_of(first, other).remarks)
    same = batch_of(3, FOUR, **DRAFTING, batch={"versions": ("a",)})
    waiting = batch_of(4, FOUR, scheme="drafter", batch={"versions": ()})
    assert not any("version" in remark for remark in report_of(first, same, waiting).remarks)


def test_unnamed_batches_of_other_problems_with_one_name_are_no_dataset_together() -> None:
    def unnamed(digest: str) -> dict[str, object]:
        return {"dataset": None, "name": "problems.jsonl", "problems_digest": digest}

    report = report_of(
        batch_of(1, FOUR, batch=unnamed("0123456789")),
        batch_of(2, FOUR, batch=unnamed("abcdef0123"), job={"problem_digest": 7}),
        batch_of(3, FOUR, **DRAFTING, batch=unnamed("0123456789")),
    )
    assert [(cell.dataset, cell.scheme) for cell in report.cells] == [
        ("problems.jsonl (01234567)", "base"),
        ("problems.jsonl (01234567)", "specreason"),
        ("problems.jsonl (abcdef01)", "base"),
    ]


def test_a_base_without_a_problem_in_common_gives_way_to_one_with_some_or_is_told() -> None:
    ours = batch_of(3, FOUR, **DRAFTING)
    apart = batch_of(1, FOUR, job={"problem_digest": 7})
    report = report_of(apart, ours)
    assert cell_of_scheme(report, "specreason").speedup is None
    assert any("no latency of the same problem and repeat" in remark for remark in report.remarks)
    # Less like ours in its knobs, but over the same problems.
    shared = batch_of(2, FOUR, seed=5, job={"latency_s": 6.0})
    (found,) = (cell for cell in report_of(apart, shared, ours).cells if cell.scheme == "specreason")
    assert found.speedup is not None
    assert found.speedup.mean == pytest.approx(24 / 14)


def test_no_rounding_makes_an_author_write_less_than_nothing() -> None:
    value, jobs = batch_of(1, [[True, True]] * 4, scheme="drafter")
    lengths = (218, 478, 756, 478, 700, 338, 540)
    jobs = tuple(
        replace(job, kept_tokens=tokens, drafter_tokens=tokens, spent_tokens=tokens)
        for job, tokens in zip(jobs, lengths, strict=False)
    )
    (row,) = figure_of(report_of((value, jobs)), "output_length").dicts()
    assert (row["by_base"], row["wasted"]) == (0.0, 0.0)
    assert row["by_drafter"] == pytest.approx(sum(lengths) / 7)


def test_a_sweep_says_the_values_of_its_knob_by_name() -> None:
    report = report_of(batch_of(1, FOUR, **DRAFTING), batch_of(2, FOUR, **{**DRAFTING, "threshold": 3.0}))
    says = figure_of(report, "threshold_sweep").says
    assert says.startswith("Specreason on sums: threshold 3: 67 % of drafts kept, 75 % right,")
