"""The verdicts of the proof, from results that a machine with a GPU might give. None has given any yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.gpu.scene import LOAD, Outcome, Result
from tests.gpu.stages import STAGES
from tests.gpu.verdicts import DOCTOR_CHECKS, FINDINGS, State, passed, verdicts

CALLS = {"draft_ms": 100.0, "verdict_ms": 50.0, "both_ms": 105.0}
COMPLAINING = [{"name": name, "status": "fail", "found": "nothing"} for name in DOCTOR_CHECKS]
LOADED = {"pair": "large + small", "flashinfer_sampler": "0"}
# What every phase finds where all is well.
GOOD: Mapping[str, Mapping[str, Any]] = {
    "machine/looks": {
        "installed": {"vllm": "0.32.0", "cuda-python": "13.4.4", "cuda-bindings": "13.4.4"},
        "command": True,
        "nvcc": False,
        "gpus": [{"driver": "580.65", "capability": [9, 0]}],
        "cuda": {"version": "13.0"},
        "imports": {"cutlass": "", "flashinfer": ""},
        "doctor": [{"name": name, "status": "ok", "found": ""} for name in DOCTOR_CHECKS],
    },
    f"numbers/{LOAD}": LOADED,
    "numbers/digits": {"verdicts": 256, "tied": {"float32": 0, "bfloat16": 30}},
    "numbers/seeds": {"texts": 16, "differ_alone": 0, "differ_beside": 3},
    f"shapes/{LOAD}": LOADED,
    "shapes/memory": {"used_gib": {"before": 0.5, "after": 70.0}, "planned_gib": 71.0},
    "shapes/warm-up": {"seconds": {"base": {"1": [0.1, 0.1], "48": [0.3, 0.2]}}, "compiled": []},
    "shapes/overlap": {"at_once": {"1": CALLS}},
    "mps/overlap": {"at_once": {"1": CALLS}},
    "ranks-2-1/overlap": {"at_once": {"1": CALLS}},
    "ranks-2-2/overlap": {"at_once": {"1": CALLS}},
    "speculation-v1/tokens": {"ms_per_token": {"1": 10.0}},
    "speculation-v2/tokens": {"ms_per_token": {"1": 15.0}},
}
NEEDING_NO_GPU = {"F6", "F7", "F14"}


def results(changed: Mapping[str, Mapping[str, Any]] | None = None) -> list[Result]:
    """Results of all phases that went well, but with the facts in `changed`."""
    found = {name: {**facts, **(changed or {}).get(name, {})} for name, facts in GOOD.items()}
    return [result(name, facts=facts) for name, facts in found.items()]


def result(name: str, **fields: Any) -> Result:
    stage, phase = name.split("/")
    return Result(stage=stage, phase=phase, **{"outcome": Outcome.DONE, **fields})


def states(of: list[Result]) -> dict[str, State]:
    return {verdict.finding: verdict.state for verdict in verdicts(of)}


def test_the_phases_that_the_verdicts_read_exist() -> None:
    known = {
        f"{stage.name}/{phase}" for stage in STAGES for phase in (LOAD, *(each.name for each in stage.phases))
    }
    assert set(GOOD) <= known


def test_a_machine_on_which_all_is_well_confirms_every_finding_that_needs_one() -> None:
    assert states(results()) == {
        finding: State.NOT_SHOWN if finding in NEEDING_NO_GPU else State.FIXED for finding in FINDINGS
    }
    assert passed(results())


@pytest.mark.parametrize(
    ("finding", "phase", "facts"),
    [
        ("F1", "shapes/memory", {"used_gib": {"before": 0.5, "after": 74.0}}),
        ("F2", f"numbers/{LOAD}", {"flashinfer_sampler": None}),
        ("F3", "machine/looks", {"cuda": {"version": None}}),
        ("F3", "machine/looks", {"command": False}),
        ("F4", "machine/looks", {"imports": {"cutlass": "AttributeError: cudaLibrary_t"}}),
        ("F5", "machine/looks", {"doctor": [{"name": "driver", "status": "ok", "found": "580.65"}]}),
        ("F15", "machine/looks", {"doctor": COMPLAINING}),
        ("F9", "shapes/warm-up", {"seconds": {"drafter": {"6": [4.2, 0.1]}}}),
        ("F9", "shapes/warm-up", {"compiled": ["Triton JIT compilation during inference: _topp"]}),
        ("F10", "shapes/overlap", {"at_once": {"1": {**CALLS, "both_ms": 190.0}}}),
        ("F11", "speculation-v1/tokens", {"ms_per_token": {"1": 20.0}}),
        ("F12", "numbers/seeds", {"differ_alone": 1}),
        ("F13", "numbers/digits", {"tied": {"float32": 25, "bfloat16": 30}}),
        ("F15", "machine/looks", {"doctor": []}),
    ],
)
def test_facts_that_show_a_finding_are_told_and_fail_the_proof(
    finding: str, phase: str, facts: Mapping[str, Any]
) -> None:
    found = results({phase: facts})
    assert states(found)[finding] is State.BROKEN
    assert not passed(found)


@pytest.mark.parametrize(
    ("finding", "why"),
    [
        ("F1", "Free memory on device cuda:0 is less than desired GPU memory utilization"),
        ("F2", "RuntimeError: Could not find nvcc"),
    ],
)
def test_a_pair_that_does_not_load_shows_the_finding_that_its_error_names(finding: str, why: str) -> None:
    found = [each for each in results() if each.stage != "shapes"]
    found.append(result(f"shapes/{LOAD}", outcome=Outcome.FAILED, why=why))
    assert states(found)[finding] is State.BROKEN


def test_without_a_gpu_nothing_that_takes_one_is_confirmed() -> None:
    found = states(results({"machine/looks": {"gpus": []}}))
    assert {finding for finding, state in found.items() if state is State.FIXED} == {"F8", "F13"}
    assert State.BROKEN not in found.values()


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.OVERRAN, Outcome.SKIPPED])
def test_a_phase_that_did_not_end_well_confirms_nothing_and_says_why(outcome: Outcome) -> None:
    found = [
        replace(each, outcome=outcome, facts={}, why="it was too hot") if each.phase == "warm-up" else each
        for each in results()
    ]
    (verdict,) = (each for each in verdicts(found) if each.finding == "F9")
    assert verdict.state is State.NOT_SHOWN
    assert "too hot" in verdict.why
    assert passed(found) is (outcome is Outcome.SKIPPED)
