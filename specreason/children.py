"""Child processes that cannot outlive this one, each in its own session.

The kernel sends a child its death signal when the thread that started it dies (PR_SET_PDEATHSIG), so that even SIGKILL
of this process leaves no child behind. Therefore only the main thread may start one. This holds on Linux only;
elsewhere a child of a killed process lives on. Because of the sessions, Ctrl-C in the terminal reaches this process
alone, which then ends its children in order.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# How long a resource tracker may take to remove what killed processes have left.
_TRACKER_S = 5.0
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
    """SIGKILL the child and every process of its group, then reap it. A group that is gone is not an error.

    Python's resource trackers go last: once all who use it are gone, a tracker removes the shared memory and the
    semaphores that they have left, and ends. It has five seconds for that.
    """
    trackers = []
    for pid in _members(process.pid):
        with suppress(OSError):
            if _is_tracker(pid):
                trackers.append(os.pidfd_open(pid))
            else:
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _TRACKER_S
    for tracker in trackers:
        # Readable once the process has ended, whether or not anybody reaps it.
        select.select([tracker], [], [], max(0.0, deadline - time.monotonic()))
        os.close(tracker)
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


def _members(group: int) -> list[int]:
    """The processes of a group, in the order of their ids; none where there is no /proc."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # Past the command's name, which may contain anything: state, parent, group.
            if int(stat.read_text().rpartition(")")[2].split()[2]) == group:
                members.append(int(stat.parent.name))
    return sorted(members)


def _is_tracker(pid: int) -> bool:
    try:
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


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
