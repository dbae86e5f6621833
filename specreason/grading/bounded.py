"""A grader within bounds: in a helper process, whose time and memory are limited.

An answer or a gold answer can ask for any amount of either, in one call that no exception interrupts. So the helper is
killed, by the kernel or from here, and the next answer gets a new one.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from specreason.children import kill_group, spawn_module
from specreason.errors import GraderUnusable
from specreason.grading.graders import LAYERS, check_grader
from specreason.grading.verdict import GIVEN_UP

# For one answer: seconds of processor time, of which the kernel counts whole ones; seconds of the clock, for a grader
# that waits; and bytes beyond what the helper takes once it has loaded the grader.
CPU_S = 2
CLOCK_S = 10.0
MEMORY_BYTES = 512 << 20
# Seconds in which a helper must have loaded the grader.
START_S = 120.0
# Helpers that an answer may see die of neither limit: the first may have been killed by somebody.
MOST_HELPERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A verdict, with the grader's name and version. `given_up`: it has none within the bounds, and counts as wrong."""

    grader: str
    is_correct: bool
    layer: str
    why: str
    given_up: bool = False


class BoundedGrader:
    """The grader called `name` (None: the project's own) in a helper, which starts with the first answer.

    For the main thread alone: the helper ends with the thread that starts it.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        cpu_s: int = CPU_S,
        clock_s: float = CLOCK_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Raises InvalidField if there is no grader of this name."""
        self._asked_for = check_grader(name) or LAYERS
        self._cpu_s, self._clock_s, self._memory_bytes = cpu_s, clock_s, memory_bytes
        self._helper: _Helper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the helper, if there is one."""
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()

    def grade(self, answer: str | None, gold: str) -> Grade:
        """Grade one answer. Raises GraderUnusable if the grader cannot be loaded, or does not start."""
        why = ""
        for _ in range(MOST_HELPERS):
            helper = self._helper = self._helper or self._started()
            grade = helper.grade(answer, gold, self._clock_s)
            if grade is not None and helper.is_fit:
                return grade
            self.close()
            if grade is not None:
                return grade
            status = helper.process.returncode
            if helper.is_late:
                why = f"it took more than {self._clock_s:g} s"
            elif status == -signal.SIGXCPU:
                why = f"it took more than {self._cpu_s} s of processor time"
            else:
                why = f"the grader ended with status {status}"
                continue
            break
        return Grade(grader=helper.name, is_correct=False, layer=GIVEN_UP, why=why, given_up=True)

    def _started(self) -> _Helper:
        ours, theirs = Pipe()
        with theirs:
            process = spawn_module(
                "specreason.grading.helper",
                *(self._asked_for, str(theirs.fileno()), str(self._cpu_s), str(self._memory_bytes)),
                pass_fds=(theirs.fileno(),),
            )
        helper = _Helper(process, ours)
        said = helper.ask(None, START_S)
        if said is None or "error" in said:
            helper.kill()
            reason = said["error"] if said else f"it ended with status {process.returncode} as it started"
            raise GraderUnusable(f"grader {self._asked_for}: cannot be used here: {reason}")
        helper.name = said["grader"]
        return helper


class _Helper:
    """One helper process. `name` is its grader's name and version."""

    def __init__(self, process: subprocess.Popen[bytes], connection: Connection) -> None:
        self.process = process
        self.name = ""
        self.is_late = False
        # Whether it may have another answer: it has memory left, and its last grader call returned.
        self.is_fit = True
        self._connection = connection

    def grade(self, answer: str | None, gold: str, most_s: float) -> Grade | None:
        """The helper's grade; None if it has ended, or was ended after `most_s` seconds."""
        said = self.ask([answer, gold], most_s)
        if said is None:
            return None
        self.is_fit = said.pop("is_fit")
        return Grade(grader=self.name, **said)

    def ask(self, message: object | None, most_s: float) -> dict[str, Any] | None:
        """Send a message, if there is one, and return what the helper says; None if it ends, now or by `most_s`."""
        # A helper that is stopped reads and writes nothing, so both wait for this kill.
        watchdog = threading.Timer(most_s, self._end)
        watchdog.daemon = True
        watchdog.start()
        try:
            if message is not None:
                self._connection.send_bytes(json.dumps(message).encode())
            said: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            return None
        finally:
            watchdog.cancel()
        return said

    def kill(self) -> None:
        self._connection.close()
        kill_group(self.process)

    def _end(self) -> None:
        self.is_late = True
        self.process.kill()
