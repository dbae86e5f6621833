"""Server processes that cannot outlive this one: start, death signal, log tail, stop.

Two rules hold for every child started here:
- The kernel sends it `death_signal` when the thread that started it dies (PR_SET_PDEATHSIG, Linux only), so
  that not even SIGKILL of this process leaves a server behind. So only the main thread may start one.
- It has a session of its own, so that Ctrl-C in the terminal reaches this process only, which decides when it stops.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from specreason.children import die_with_parent
from specreason.errors import EmbeddedServerError

POLL_S = 0.02
# A fast shutdown writes a checkpoint, which takes seconds on a slow disk.
STOP_TIMEOUT_S = 20.0
MAX_LOG_BYTES = 10 * 2**20

# Nothing of the user's environment may reach a server: PGPORT, PGOPTIONS or LD_LIBRARY_PATH would change it.
SERVER_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True)
class Account:
    """The user and group that a server runs as when this process is root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Child:
    """A running server. `log_start` is the size of its log in bytes before it wrote to it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int

    def check(self) -> None:
        """Raise if the server has ended by itself."""
        status = self.process.poll()
        if status is not None:
            raise EmbeddedServerError(f"{self.name} ended with status {status}. {self.log_tail()}")

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll until the server answers; raise with the end of its log when it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"{self.name} gave no answer in {timeout_s:g} s. {self.log_tail()}")
            time.sleep(POLL_S)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that this run of the server wrote."""
        with self.log.open("rb") as file:
            file.seek(max(self.log_start, self.log.stat().st_size - 8192))
            tail = file.read().decode(errors="replace").splitlines()[-lines:]
        return "\n  ".join([f"The end of {self.log}:", *tail])

    def stop(self, stop_signal: signal.Signals, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask the server to end, and kill it after `timeout_s`. A server that has already ended is no error."""
        self.process.send_signal(stop_signal)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals,
    cwd: Path,
    account: Account | None = None,
    pass_fds: Iterable[int] = (),
    stdin: bytes = b"",
) -> Child:
    """Start a child that dies with this process. Its output is appended to `log`; one older log of 10 MiB is kept.

    `stdin` must fit into a pipe (64 KiB). It passes a secret to a server without showing it in `ps`.
    """
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedServerError("embedded servers must be started from the main thread: they die with it")
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=SERVER_ENVIRONMENT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509 (system calls only, no lock)
        )
    assert process.stdin is not None
    # A broken pipe means that the child has ended already; `wait_ready` reports why.
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(stdin)
    return Child(name, process, log, log_start)
