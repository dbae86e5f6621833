"""The workers of a chaos run, as processes: found, killed, frozen, and started again as a service manager would."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from specreason.children import kill_group, spawn_module
from tests.chaos.deployment.faulty_child import HANG_ENGINE, KILL_ENGINE
from tests.chaos.profiles import Profile
from tests.support.workers.processes import alive, command_line, descendants, send

RESTART_AFTER_S = 1.0
STOP_S = 15.0


class WorkerProcess:
    """One supervisor and its child. `restart` after it has ended."""

    def __init__(self, profile: Profile, environment: Mapping[str, str], log: Path) -> None:
        self._profile = profile
        self._environment = environment
        self._log = log
        self._wounded: int | None = None  # a child whose engine we broke
        self.frozen = False
        self.restart()

    def restart(self) -> None:
        with self._log.open("ab") as output:
            self.process = spawn_module(
                "tests.support.workers.supervisor",
                *("--pair", self._profile.pair, "--child-module", self._profile.child_module),
                environment=self._environment,
                output=output,
            )
        self.killed = False

    @property
    def child(self) -> int | None:
        """The process that holds the pair, if there is one now. Celery changes its title, but not its arguments."""
        return self._find("--progress-fd")

    @property
    def sound(self) -> bool:
        """Whether no fault lasts, as far as it shows from outside."""
        return not self.frozen and self.process.poll() is None and self.child not in (None, self._wounded)

    def kill_child(self) -> None:
        self._send(self.child, signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """Kill the supervisor. Its child and its grader end with it."""
        self.killed = True
        self.process.kill()

    def kill_engine(self) -> None:
        self._wounded = self.child
        self._break_engine(KILL_ENGINE, signal.SIGKILL)

    def hang_engine(self) -> None:
        self._wounded = self.child
        self._break_engine(HANG_ENGINE, signal.SIGSTOP)

    def freeze(self) -> None:
        self.frozen = True
        self._frozen_child = self.child
        self._send(self.process.pid, signal.SIGSTOP)
        self._send(self._frozen_child, signal.SIGSTOP)

    def thaw_child(self) -> None:
        """Wake the child before its supervisor, which would kill it: this is the zombie that tries to write."""
        self._send(self._frozen_child, signal.SIGCONT)

    def thaw_supervisor(self) -> None:
        self._send(self.process.pid, signal.SIGCONT)
        self.frozen = False

    def _break_engine(self, to_child: signal.Signals, to_engine: signal.Signals) -> None:
        """Scripted engines live in the child; a real one is a process of its own."""
        engine = self._find("EngineCore")
        self._send(*((engine, to_engine) if engine is not None else (self._wounded, to_child)))

    def _find(self, words: str) -> int | None:
        found = (pid for pid in descendants(self.process.pid) if words in command_line(pid) and alive(pid))
        return next(found, None)

    @staticmethod
    def _send(pid: int | None, number: signal.Signals) -> None:
        if pid is not None:
            send(pid, number)


class Fleet:
    """Every worker of the run. `tend` restarts workers that have ended; `ended`: statuses of those we did not kill."""

    def __init__(
        self, profile: Profile, num_workers: int, environment: Mapping[str, str], logs: Path
    ) -> None:
        self.workers = [
            WorkerProcess(profile, environment, logs / f"worker-{number}.log")
            for number in range(num_workers)
        ]
        self.ended: Counter[int] = Counter()
        self._restart_at: dict[WorkerProcess, float] = {}

    def tend(self) -> None:
        now = time.monotonic()
        for worker in self.workers:
            if worker.process.poll() is None:
                continue
            if worker not in self._restart_at:
                self._restart_at[worker] = now + RESTART_AFTER_S
                self.ended.update([] if worker.killed else [worker.process.returncode])
            elif now >= self._restart_at[worker]:
                del self._restart_at[worker]
                worker.restart()

    def stop(self) -> None:
        """Ask every worker to end, then kill those that still run: a child dies with its supervisor."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(STOP_S)
            kill_group(worker.process)
