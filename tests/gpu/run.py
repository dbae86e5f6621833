"""Runs stages one after the other, each in a process group of its own, and kills what takes too long."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specreason.children import kill_group, spawn_module
from specreason.engines.machine.leftovers import remove_leftovers
from tests.gpu.lines import Lines
from tests.gpu.machine import Machine
from tests.gpu.scene import LOAD, LOG, Outcome, Phase, Result, Stage

ROOT = Path(__file__).parents[2]
# The imports before the first part of a stage begins, and the closing of its pair after the last.
START_S, CLOSE_S = 60.0, 20.0
# With less time left nothing is started.
LEAST_S = 10.0
NO_TIME = "no time was left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs stages of the Python module `stages` until `deadline`, a time of time.monotonic().

    Each stage has a folder below `folder`, with the log of its processes.
    """

    machine: Machine
    stages: str
    folder: Path
    deadline: float

    def run(self, stage: Stage, phases: Sequence[Phase]) -> Iterator[Result]:
        """Yield one result for each of `phases`, and one for each loading of the pair.

        A phase that fails or is killed stops none of the others: they go on in a new process.
        """
        if lack := stage.lacks(self.machine):
            yield from _skipped(stage, phases, lack)
            return
        left = list(phases)
        folder = self.folder / stage.name
        folder.mkdir(parents=True)
        with stage.around(folder) as environment:
            while left:
                if self.deadline - time.monotonic() < LEAST_S:
                    yield from _skipped(stage, left, NO_TIME)
                    return
                for result in self._run_once(stage, left, folder, environment):
                    yield result
                    if result.phase != LOAD:
                        left = left[1:]
                    elif result.outcome is not Outcome.DONE:
                        yield from _skipped(stage, left, f"{result.name} was not done")
                        return

    def _run_once(
        self, stage: Stage, phases: Sequence[Phase], folder: Path, environment: Mapping[str, str]
    ) -> Iterator[Result]:
        """Start one process of the stage. Yield results until it ends, or a part of it does not end in time."""
        parts = [(phase.name, phase.limit_s) for phase in phases]
        if stage.pair is not None:
            parts.insert(0, (LOAD, stage.load_s))
        log = folder / LOG
        reader, writer = os.pipe()
        with log.open("ab") as output, Lines(reader) as lines:
            process = spawn_module(
                "tests.gpu.stage",
                *(self.stages, stage.name, str(folder), str(writer)),
                *(phase.name for phase in phases),
                environment={"PYTHONPATH": str(ROOT), "VLLM_LOGGING_LEVEL": "INFO", **environment},
                pass_fds=[writer],
                output=output,
            )
            os.close(writer)
            try:
                start_s = START_S
                for name, limit_s in parts:
                    started = time.monotonic()
                    own_deadline = started + start_s + limit_s
                    start_s = 0.0
                    if line := lines.next(until=min(own_deadline, self.deadline)):
                        yield Result.reported(stage.name, name, line)
                        if line["is_last"]:
                            return
                        continue
                    if lines.ended:
                        outcome = Outcome.FAILED
                        why = f"its process ended with status {process.wait()}: {_last_line(log)}"
                    elif own_deadline < self.deadline:
                        outcome, why = Outcome.OVERRAN, f"it was not done after {limit_s:g} s"
                    else:
                        outcome, why = Outcome.SKIPPED, NO_TIME
                    seconds = round(time.monotonic() - started, 2)
                    yield Result(stage=stage.name, phase=name, outcome=outcome, seconds=seconds, why=why)
                    return
                lines.next(until=time.monotonic() + CLOSE_S)
            finally:
                kill_group(process)
                remove_leftovers(process.pid)


def _skipped(stage: Stage, phases: Iterable[Phase], why: str) -> Iterator[Result]:
    for phase in phases:
        yield Result(stage=stage.name, phase=phase.name, outcome=Outcome.SKIPPED, why=why)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
