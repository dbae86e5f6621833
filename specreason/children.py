"""Processes of ours that cannot outlive us, each in a session of its own.

The kernel sends a child its death signal when the thread that started it dies (PR_SET_PDEATHSIG), so that not
even SIGKILL of this process leaves one behind. Therefore only the main thread may start one. Linux only;
elsewhere a child is stopped by us or not at all. A session of its own means that Ctrl-C in the terminal
reaches us alone, and we decide in which order the others end.
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
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: a forked child must not load libraries


def spawn(
    command: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    environment: Mapping[str, str] | None = None,
    pass_fds: Iterable[int] = (),
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command`; `environment` is added to ours, `output` takes its stdout and stderr."""
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
    """`python -m module arguments…` with this interpreter.

    Without the working directory on its path: a user's `api.py` or `worker.py` there is not ours.
    """
    return spawn([sys.executable, "-P", "-m", module, *arguments], **options)  # type: ignore[arg-type]


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and every process of its group, then reap it. A group that is gone is no error."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def stop(process: subprocess.Popen[bytes], *, grace_s: float) -> int:
    """Ask the child to end, then make its whole group end; its exit status."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    kill_group(process)
    return process.returncode


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """What a forked child does before exec, and after any change of user, which would clear the signal."""
    parent = os.getpid()

    def set_death_signal() -> None:
        if sys.platform != "linux":
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before the line above took effect
            os._exit(1)

    return set_death_signal
