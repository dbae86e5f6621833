"""Child processes that cannot outlive this one, each in its own session.

The kernel sends a child its death signal when the thread that started it dies (PR_SET_PDEATHSIG), so that even SIGKILL
of this process leaves no child behind. Therefore only the main thread may start one. This holds on Linux only;
elsewhere a child of a killed process lives on. Because of the sessions, Ctrl-C in the terminal reaches this process
alone, which then ends its children in order.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a forked child must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    environment: Mapping[str, str] | None = None,
    pass_fds: Iterable[int] = (),
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command`. Adds `environment` to that of this process; its stdout and stderr go to `output`."""
    assert threading.current_thread() is threading.main_thread(), (
        "a child dies with the thread that started it"
    )
    return subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509 (two system calls, no lock)
    )


def spawn_module(module: str, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments…` with this interpreter.

    The working directory is not on its import path, so that it does not import a user's `api.py` or `worker.py`.
    """
    return spawn([sys.executable, "-P", "-m", module, *arguments], **options)  # type: ignore[arg-type]


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and every process of its group, then reap it. A group that is gone is not an error."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop(process: subprocess.Popen[bytes], *, grace_s: float) -> int:
    """Ask the child to end, kill its whole group after `grace_s` seconds, and return the child's exit status."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    kill_group(process)
    return process.returncode


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A function for a forked child to call before exec, and after any change of user, which clears the signal."""
    parent = os.getpid()

    def set_death_signal() -> None:
        if sys.platform != "linux":
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        # The parent may have died before the line above took effect.
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal
