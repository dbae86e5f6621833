"""Whatever happens to a phase of the proof, the others run, and each has its result."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from specreason.engines.machine.platform import Device
from tests.gpu import run
from tests.gpu.fake_stages import STAGES
from tests.gpu.machine import Machine
from tests.gpu.run import Runner
from tests.gpu.scene import LOAD, Outcome, Result

NO_GPU = Machine(device=Device.CPU, cards=None)


def results_of(name: str, folder: Path, *, seconds: float = 120) -> dict[str, Result]:
    (stage,) = (stage for stage in STAGES if stage.name == name)
    runner = Runner(
        machine=NO_GPU, stages="tests.gpu.fake_stages", folder=folder, deadline=time.monotonic() + seconds
    )
    results = list(runner.run(stage, stage.phases))
    assert len({result.phase for result in results}) == len(results)
    return {result.phase: result for result in results}


def test_a_phase_that_fails_or_dies_stops_none_of_the_others(tmp_path: Path) -> None:
    results = results_of("faults", tmp_path)
    done = [name for name, result in results.items() if result.outcome is Outcome.DONE]
    assert done == ["before", "between", "after"]
    assert results["badly"].outcome is Outcome.FAILED
    assert "this went badly" in results["badly"].why
    assert results["dead"].outcome is Outcome.FAILED
    assert "-9" in results["dead"].why
    assert "the last words" in results["dead"].why
    # One process goes on after a failure; death takes another one.
    pids = [results[name].facts["pid"] for name in done]
    assert pids[0] == pids[1] != pids[2]


def test_a_phase_that_takes_too_long_is_killed_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "START_S", 20.0)
    results = results_of("slow", tmp_path)
    assert {name: result.outcome for name, result in results.items()} == {
        "for-ever": Outcome.OVERRAN,
        "before": Outcome.DONE,
    }


def test_the_phases_of_a_pair_that_is_not_loaded_are_skipped(tmp_path: Path) -> None:
    results = results_of("unloadable", tmp_path)
    assert results[LOAD].outcome is Outcome.FAILED
    assert "there is no such pair" in results[LOAD].why
    skipped = [result for name, result in results.items() if name != LOAD]
    assert [result.outcome for result in skipped] == [Outcome.SKIPPED, Outcome.SKIPPED]
    assert all(LOAD in result.why for result in skipped)


@pytest.mark.parametrize(
    ("name", "seconds", "why"), [("impossible", 120, "a second sun"), ("faults", 1, "time")]
)
def test_what_cannot_run_is_skipped_with_the_reason(
    name: str, seconds: float, why: str, tmp_path: Path
) -> None:
    results = results_of(name, tmp_path, seconds=seconds)
    assert {result.outcome for result in results.values()} == {Outcome.SKIPPED}
    assert all(why in result.why for result in results.values())
