"""A grader within bounds: in a process of its own, whose time and memory the kernel limits.

A gold answer can ask for any amount of either, in one call that no exception interrupts. So the process is killed, by
the kernel or from here, and the next answer gets a new one.
"""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType

from specreason.children import kill_group, spawn_module
from specreason.errors import SpecReasonError
from specreason.evaluation.graders import LAYERS, check_grader

# Seconds of processor time and of the clock, and bytes beyond what the loaded grader takes, for one answer.
CPU_S = 2
CLOCK_S = 60.0
MEMORY_BYTES = 512 << 20
# Seconds in which the process must have loaded the grader.
START_S = 300.0

_WHY = {
    signal.SIGXCPU: f"the grader needed more than {CPU_S} s of processor time",
    signal.SIGKILL: "the grader was killed",
}


class GraderUnusable(SpecReasonError):
    """The grader cannot be loaded. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A verdict with the grader's name and version. `given_up`: no verdict within the bounds; counts as wrong."""

    grader: str
    is_correct: bool
    layer: str
    why: str
    given_up: bool = False


class BoundedGrader(AbstractContextManager["BoundedGrader"]):
    """Grades in a process that this one starts, in its main thread: the process dies with the thread that starts it."""

    def __init__(self, name: str | None = None) -> None:
        """Raises InvalidField if there is no grader of this name."""
        if name is not None:
            check_grader(name)
        self._name = name or LAYERS
        self._grader = self._name
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def grade(self, answer: str | None, gold: str) -> Grade:
        """Grade one answer, within the bounds. Raises GraderUnusable if the grader cannot be loaded."""
        connection = self._connection or self._start()
        try:
            connection.send_bytes(json.dumps([answer, gold]).encode())
            if not connection.poll(CLOCK_S):
                return self._given_up(f"the grader needed more than {CLOCK_S:g} s")
            said = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return self._given_up(None)
        return Grade(grader=self._grader, **said)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            kill_group(self._process)
        self._process = self._connection = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            self._process = spawn_module(
                "specreason.evaluation.bounded_process",
                *(self._name, str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
            )
        self._connection = ours
        try:
            if not ours.poll(START_S):
                raise EOFError
            said = json.loads(ours.recv_bytes())
        except (EOFError, OSError):
            self.close()
            raise GraderUnusable(f"the grader '{self._name}' has not started") from None
        if "error" in said:
            self.close()
            raise GraderUnusable(f"the grader '{self._name}' cannot be loaded: {said['error']}")
        self._grader = said["grader"]
        return ours

    def _given_up(self, why: str | None) -> Grade:
        """End the process, which does not answer. Its signal says why, unless `why` does."""
        assert self._process is not None
        if why is None:
            try:
                status = self._process.wait(1)
            except subprocess.TimeoutExpired:
                status = 0
            number = -status if status < 0 else 0
            why = _WHY.get(signal.Signals(number)) if number else None
            why = why or (f"the grader ended by signal {number}" if number else "the grader ended")
        self.close()
        return Grade(grader=self._grader, is_correct=False, layer="given up", why=why, given_up=True)
