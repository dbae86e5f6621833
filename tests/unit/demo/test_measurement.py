"""The figures of the demo pair from made-up jobs."""

import pytest

from specreason.demo.measured_job import Draft, MeasuredJob
from specreason.demo.measurement import figures, judge_figures, paired, share


def job(
    problem: str, arm: str, correct: bool, latency: float, drafts: list[Draft] | None = None
) -> MeasuredJob:
    return MeasuredJob(
        problem=problem,
        arm=arm,
        correct=correct,
        latency_s=latency,
        kept="",
        num_steps=8,
        kept_tokens=100,
        spent_tokens=100,
        num_drafted=0,
        num_accepted=0,
        verify_s=0.0,
        base_s=latency,
        base_tokens=100,
        tpot_s=latency / 100,
        drafts=drafts or [],
    )


def test_speedup_ratio_and_paired_difference() -> None:
    jobs = []
    for i in range(10):
        jobs += [job(str(i), "base", True, 2.0), job(str(i), "drafter", i < 5, 0.4)]
        jobs += [job(str(i), "specreason", i != 0, 1.0, [Draft(9, "right", 9), Draft(6, "one_digit", 6)])]
    found = figures(jobs)
    assert found["speedup"] == 2.0
    assert found["tpot_ratio"] == 5.0
    assert found["paired_difference"]["mean"] == -0.1  # type: ignore[index]
    assert found["drafter"]["pass_at_1"].value == 0.5  # type: ignore[index]


def test_the_judge_is_counted_apart_for_right_and_wrong_drafts() -> None:
    drafts = [
        Draft(9, "right", 9),
        Draft(8, "terse", 8),
        Draft(6, "one_digit", 6),
        Draft(2, "wrong_operation", 9),
    ]
    found = judge_figures(drafts)
    at = found["thresholds"]
    assert [at[t]["right_kept"].value for t in (3, 7, 9)] == [1.0, 1.0, 0.5]  # type: ignore[index]
    assert [at[t]["wrong_passed"].value for t in (5, 7)] == [1.0, 0.5]  # type: ignore[index]
    assert found["wrong_kinds_at_7"]["wrong_operation"].value == 1.0  # type: ignore[index]


def test_intervals_hold_their_value() -> None:
    found = share(95, 100)
    assert found.low < 0.95 < found.high <= 1.0
    assert paired([0] * 50) == {"mean": 0.0, "low": None, "high": None}  # equal values do not tell
    assert paired([1, -1] * 50)["low"] == pytest.approx(-0.197, abs=0.01)
