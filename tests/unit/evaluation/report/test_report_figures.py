"""The figures of a report from numbers by hand, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from specreason.evaluation.report import kinds
from specreason.evaluation.report.measures import parameters_of, short_name
from specreason.evaluation.report.rows import MOST_ROWS, RewardedStep, SlowStep
from tests.support.report_rows import SQL, batch_of, figure_of, reason_of, report_of

RIGHT, WRONG = [[True]] * 4, [[False]] * 4
HALF = [[True], [False], [True], [False]]
AT_7 = {"scheme": "specreason", "threshold": 7.0}
AT_3 = {"scheme": "specreason", "threshold": 3.0}


def test_every_figure_is_made_or_left_out_with_what_it_needs() -> None:
    report = report_of(batch_of(1, RIGHT))
    made, left = ({each.name for each in group} for group in (report.figures, report.left_out))
    assert made | left == {kind.name for kind in kinds.ALL}
    assert made == {"accuracy_latency", "output_length", "where_time_goes"}
    assert "--token-budgets" in reason_of(report, "budget_gap")
    assert "--thresholds" in reason_of(report, "threshold_sweep")
    assert "specreason prm" in reason_of(report, "reward")


def test_a_report_of_a_batch_that_has_not_begun_leaves_all_out() -> None:
    waiting = dict.fromkeys(
        (
            *("latency_s", "concurrency", "kept_tokens", "drafter_tokens", "spent_tokens", "num_drafted"),
            *("num_accepted", "engine_s", "draft_s", "verify_s", "written_s"),
        )
    )
    report = report_of(batch_of(1, [[None]] * 3, **AT_7, job=waiting | {"state": "queued"}))
    assert (report.figures, len(report.left_out)) == ((), len(kinds.ALL))
    assert any("3 jobs have not ended" in remark for remark in report.remarks)


def test_each_figure_has_its_sql_and_as_many_values_in_a_row_as_columns() -> None:
    report = report_of(
        batch_of(1, RIGHT),
        batch_of(2, HALF, **AT_7),
        batch_of(3, HALF, **AT_3),
        batch_of(4, HALF, **AT_3, first_steps_on_base=5),
        batch_of(5, RIGHT, token_budget=512),
        batch_of(6, HALF, **AT_7, token_budget=512),
        batch_of(7, HALF, batch={"pair": "other", "models": {"base": "o/Base-8B", "drafter": "o/S"}}),
        rewards=[rewarded(0.55, 8)],
        slowest=[slow(1.0)],
    )
    assert [figure.name for figure in report.figures] == [kind.name for kind in kinds.ALL]
    for figure in report.figures:
        assert figure.rows
        assert all(len(row) == len(figure.columns) for row in figure.rows)
        assert figure.sql.startswith(SQL[figure.name])
        assert figure.says.endswith(".")
        assert figure.reading.endswith(".")
        assert all(isinstance(value, str | int | float | bool | None) for row in figure.rows for value in row)


def test_a_cell_is_on_the_front_unless_another_is_at_least_as_right_and_as_fast() -> None:
    report = report_of(
        batch_of(1, RIGHT, job={"latency_s": 4.0}),
        batch_of(2, HALF, scheme="drafter", job={"latency_s": 1.0}),
        batch_of(3, RIGHT, **AT_7, job={"latency_s": 3.0}),
        batch_of(4, HALF, **AT_3, job={"latency_s": 3.5}),
        batch_of(5, WRONG, batch={"dataset": "others"}, job={"latency_s": 9.0}),
    )
    found = figure_of(report, "accuracy_latency").dicts()
    on_front = {(row["dataset"], row["scheme"], row["threshold"]) for row in found if row["is_on_front"]}
    assert on_front == {("others", "base", None), ("sums", "drafter", None), ("sums", "specreason", 7.0)}
    first = next(row for row in found if row["threshold"] == 7.0)
    assert [
        first[name] for name in ("pass_at_1", "latency_s", "concurrency", "num_problems", "num_jobs")
    ] == [*(1.0, 3.0, 4.0, 4, 4)]
    assert (first["base"], first["drafter"], first["first_steps_on_base"]) == ("Big-32B", "Small-1.5B", 0)
    assert first["pass_at_1_low"] is not None
    assert first["latency_s_low"] is None  # all are equal


def test_latencies_at_other_loads_are_said_not_to_compare() -> None:
    report = report_of(batch_of(1, RIGHT), batch_of(2, RIGHT, **AT_7, job={"concurrency": 8.0}))
    (remark,) = figure_of(report, "accuracy_latency").remarks
    assert "4.0 to 8.0 jobs in flight" in remark
    assert figure_of(report_of(batch_of(1, RIGHT)), "accuracy_latency").remarks == ()


def test_tokens_are_those_of_their_authors_and_the_rest_is_wasted() -> None:
    (row,) = figure_of(report_of(batch_of(1, RIGHT, **AT_7)), "output_length").dicts()
    assert [row[name] for name in ("kept_tokens", "by_drafter", "by_base", "wasted", "num_jobs")] == [
        *(80, 30, 50, 20, 4)
    ]


def test_a_gap_is_over_the_jobs_that_both_have_graded_at_the_same_budget() -> None:
    report = report_of(
        batch_of(1, RIGHT, token_budget=1024),
        batch_of(2, [[True], [False], [None], [True]], **AT_7, token_budget=1024),
        batch_of(3, WRONG, token_budget=512),
        batch_of(4, [[True], [False]], **AT_7, token_budget=512),
    )
    small, large = figure_of(report, "budget_gap").dicts()
    assert [small[name] for name in ("token_budget", "base_pass_at_1", "pass_at_1", "gap", "num_pairs")] == [
        *(512, 0.0, 0.5, 0.5, 2)
    ]
    assert (large["token_budget"], large["base_pass_at_1"], large["num_pairs"]) == (1024, 1.0, 3)
    assert large["gap"] == pytest.approx(-1 / 3)
    assert isinstance(large["gap_low"], float)
    assert isinstance(large["gap_high"], float)
    assert large["gap_low"] < -1 / 3 < large["gap_high"]
    without_base = report_of(batch_of(2, HALF, **AT_7), batch_of(4, HALF, **AT_7, token_budget=512))
    assert "base alone" in reason_of(without_base, "budget_gap")


def test_a_sweep_has_the_cells_that_differ_in_one_knob_alone_and_the_base_as_reference() -> None:
    report = report_of(
        batch_of(1, RIGHT),
        batch_of(2, HALF, **AT_7, job={"num_accepted": 3}),
        batch_of(3, HALF, **AT_3),
        batch_of(4, RIGHT, **AT_7, first_steps_on_base=20),
        batch_of(5, RIGHT, **AT_7, score_method="expected"),
        batch_of(6, RIGHT, batch={"dataset": "others"}),
    )
    swept = figure_of(report, "threshold_sweep").dicts()
    assert [(row["scheme"], row["threshold"], row["dataset"]) for row in swept] == [
        *(("base", None, "sums"), ("specreason", 3.0, "sums"), ("specreason", 7.0, "sums"))
    ]
    assert [row["acceptance"] for row in swept] == [None, pytest.approx(4 / 6), 0.5]
    assert {row["score_method"] for row in swept[1:]} == {"greedy"}
    first_n = figure_of(report, "first_n_sweep").dicts()
    assert [row["first_steps_on_base"] for row in first_n] == [0, 20]
    assert [row["pass_at_1"] for row in first_n] == [0.5, 1.0]


def test_bases_of_two_sizes_are_compared_on_the_datasets_that_both_have_run() -> None:
    small = {"pair": "small", "models": {"base": "/models/Small-8B", "drafter": "x"}}
    report = report_of(
        batch_of(1, RIGHT), batch_of(2, HALF, batch=small), batch_of(3, HALF, batch={"dataset": "others"})
    )
    found = figure_of(report, "base_sizes").dicts()
    assert [(row["base"], row["base_parameters"], row["dataset"]) for row in found] == [
        *(("Big-32B", 32e9, "sums"), ("Small-8B", 8e9, "sums"))
    ]


@pytest.mark.parametrize(
    ("model", "number"),
    [
        *(
            ("Qwen/QwQ-32B", 32e9),
            ("Zyphra/ZR1-1.5B", 1.5e9),
            ("x/Qwen3-30B-A3B", 30e9),
            ("x/tiny-270m", 270e6),
        ),
        *(("/pair/base", None), (None, None), ("x/R1-Distill-Qwen-14B-AWQ-4bit", 14e9), ("x/A3B", None)),
    ],
)
def test_a_model_has_as_many_parameters_as_its_name_says(model: str | None, number: float | None) -> None:
    assert parameters_of(model) == number


def test_a_model_is_shown_without_its_owner_or_folder() -> None:
    assert [short_name(each) for each in ("owner/Name", "/a/b/base", None)] == ["Name", "base", None]


def test_the_parts_of_a_latency_sum_to_it_and_split_as_the_batches_do() -> None:
    report = report_of(
        batch_of(1, RIGHT, **AT_7),
        batch_of(2, RIGHT, **AT_7, first_repeat=1, job={"draft_s": 30.0, "verify_s": 5.0, "written_s": 5.0}),
    )
    (row,) = figure_of(report, "where_time_goes").dicts()
    parts = [row[name] for name in ("drafting_s", "verifying_s", "writing_s", "waiting_s")]
    # Of 80 s with engines in both batches 40 are drafts, 10 verdicts and 30 written text.
    assert parts == pytest.approx([1.6 / 2, 1.6 / 8, 1.6 * 3 / 8, 3.5 - 1.6])
    assert (row["latency_s"], row["num_jobs"]) == (pytest.approx(3.5), 8)
    assert "46 %" in figure_of(report, "where_time_goes").says


def test_a_split_that_includes_jobs_whose_latency_does_not_count_is_said_to() -> None:
    value, (first, *rest) = batch_of(1, RIGHT)
    report = report_of((value, (replace(first, resumed=True), *rest)))
    (remark,) = figure_of(report, "where_time_goes").remarks
    assert "all jobs of a batch" in remark


def slow(seconds: float, *, step: int = 0, batch: int = 1) -> SlowStep:
    return SlowStep(
        batch_id=UUID(int=batch),
        job_id=UUID(int=9),
        problem="p0",
        repeat=0,
        step=step,
        decision="rejected",
        author="base",
        seconds=seconds,
        kept_tokens=8,
        text="Wait",
    )


def test_the_slowest_steps_come_first_and_are_at_most_twenty() -> None:
    steps = [slow(float(number % 7), step=number) for number in range(30)]
    figure = figure_of(report_of(batch_of(1, RIGHT, **AT_7), slowest=steps, parts=3), "slowest_steps")
    found = [(row["seconds"], row["step"]) for row in figure.dicts()]
    assert len(found) == MOST_ROWS
    assert found == sorted(found, key=lambda row: (-row[0], row[1]))  # type: ignore[operator]
    assert found[0] == (6.0, 6)
    assert "one in 3 problems" in figure.remarks[0]


def test_problems_are_listed_by_how_many_drafts_of_a_job_the_base_writes_again() -> None:
    value, jobs = batch_of(1, [[True, True], [True, True], [True, True]], **AT_7)
    accepted = [6, 6, 0, 4, 3, 3]
    drafting = (value, tuple(replace(job, num_accepted=n) for job, n in zip(jobs, accepted, strict=True)))
    found = figure_of(report_of(drafting), "most_rewritten_steps").dicts()
    assert [(row["problem"], row["num_jobs"], row["num_drafts"], row["num_rewritten"]) for row in found] == [
        *(("p1", 2, 12, 8), ("p2", 2, 12, 6))
    ]
    assert found[0]["share_rewritten"] == pytest.approx(8 / 12)
    assert found[0]["example_job_id"] == str(jobs[2].job_id)
    assert (found[0]["example_step"], found[0]["text"]) == (2, "So it is 5.")


def rewarded(
    score: float, digit: int, *, problem: int = 0, is_accepted: bool = True, revision: str = "a"
) -> RewardedStep:
    return RewardedStep(
        batch_id=UUID(int=2),
        problem_digest=problem,
        prm="prm",
        revision=revision,
        score=score,
        utility_score=digit,
        is_accepted=is_accepted,
    )


def test_rewards_fall_into_ten_bins_with_the_mean_utility_score_of_their_drafts() -> None:
    steps = [
        *(rewarded(0.0, 7, problem=1), rewarded(0.05, 9, problem=2), rewarded(0.09, 2, is_accepted=False)),
        *(rewarded(0.95, 9, problem=1), rewarded(1.0, 8, problem=2)),
    ]
    report = report_of(batch_of(2, RIGHT, **AT_7), rewards=steps)
    low, high = figure_of(report, "reward").dicts()
    assert [low[name] for name in ("prm", "bin", "bin_low", "bin_high", "utility_score", "num_steps")] == [
        *("prm", 0, 0.0, 0.1, 6.0, 3)
    ]
    assert low["share_accepted"] == pytest.approx(2 / 3)
    assert (high["bin"], high["utility_score"], high["num_steps"]) == (9, 8.5, 2)
    assert isinstance(low["utility_score_low"], float)
    assert "over 5 drafts" in figure_of(report, "reward").says


def test_two_revisions_of_a_reward_model_are_two_models() -> None:
    report = report_of(batch_of(2, RIGHT, **AT_7), rewards=[rewarded(0.5, 8), rewarded(0.5, 8, revision="b")])
    assert [row["prm"] for row in figure_of(report, "reward").dicts()] == ["prm@a", "prm@b"]


def test_a_report_says_how_much_faster_the_fastest_scheme_with_drafts_is() -> None:
    report = report_of(
        batch_of(1, RIGHT, job={"latency_s": 6.0}),
        batch_of(2, HALF, **AT_7, job={"latency_s": 3.0}),
        batch_of(3, HALF, scheme="drafter", job={"latency_s": 1.0}),
    )
    assert "specreason is 2.00 times as fast as the base alone" in report.says
    assert "pass@1 0.50" in report.says
    assert "against 1.00" in report.says
    assert report_of(batch_of(1, RIGHT)).says == "1 cell over 4 jobs that succeeded; no speedup is known."
