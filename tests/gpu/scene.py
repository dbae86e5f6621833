"""Stages and phases. A stage is one process with at most one pair, and its phases run in it one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from specreason.engines.base import ModelPair
from specreason.pairs import PairConfig
from tests.gpu.machine import Machine
from tests.gpu.pairs import ShapedPair

# What a phase has found, as JSON.
Facts = Mapping[str, Any]
# The first phase of every stage that has a pair.
LOAD = "load"
# In the folder of each stage: what its processes print.
LOG = "log.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a phase sees: a folder of the stage's own, the log of its processes, and the pair, if the stage has one."""

    folder: Path
    log: Path
    machine: Machine
    shaped: ShapedPair | None = None
    config: PairConfig | None = None
    loaded: ModelPair | None = None

    @property
    def pair(self) -> ModelPair:
        """The stage's pair. Only phases of a stage with a pair ask for it."""
        assert self.loaded is not None
        return self.loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One part of a stage. After `limit_s` seconds the stage's processes are killed."""

    name: str
    run: Callable[[Scene], Awaitable[Facts]]
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One process.

    `lacks` says what this machine lacks for it, empty if nothing. `around` runs in the process that starts the stage:
    it yields variables of the environment, and ends whatever must not outlive the stage.
    """

    name: str
    phases: tuple[Phase, ...]
    pair: Callable[[Machine], ShapedPair] | None = None
    load_s: float = 240.0
    lacks: Callable[[Machine], str] = field(default=lambda _: "")
    around: Callable[[Path], AbstractContextManager[Mapping[str, str]]] = field(
        default=lambda _: nullcontext({})
    )


class Outcome(StrEnum):
    """How a phase ended."""

    DONE = "done"
    FAILED = "failed"
    OVERRAN = "overran"  # it was killed at its own limit
    SKIPPED = "skipped"  # the machine lacks something, or the proof's time is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one phase ended: its facts if it is done, else why not."""

    stage: str
    phase: str
    outcome: Outcome
    seconds: float = 0.0
    facts: Facts = field(default_factory=dict)
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.stage}/{self.phase}"

    @classmethod
    def reported(cls, stage: str, phase: str, line: Mapping[str, Any]) -> Result:
        """Read the line that a stage's process writes when a part has ended."""
        return cls(
            stage=stage,
            phase=phase,
            outcome=Outcome(line["outcome"]),
            seconds=line["seconds"],
            facts=line.get("facts", {}),
            why=line.get("why", ""),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what the proof prints of it."""
        return {
            "phase": self.name,
            "outcome": self.outcome,
            "seconds": self.seconds,
            **({"why": self.why} if self.why else {"facts": self.facts}),
        }
