"""Ends server processes that an instance left behind when it was killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from specreason.embedded.process import STOP_TIMEOUT_S
from specreason.errors import EmbeddedServerError

POLL_S = 0.1
KILL_TIMEOUT_S = 10.0
# A user's shell may have the folder as its working directory, too.
SERVER_NAMES = ("postgres", "valkey", "redis")


def end_leftovers(folder: Path, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End every server process whose working directory is `folder`: by SIGINT, after `timeout_s` by SIGKILL.

    The caller holds the data directory's lock, so these processes belong to an instance that was killed: a server
    about to obey its death signal, or backends of a killed postmaster. Pid files are not read: if process 1 does not
    reap, a pid file names a zombie for ever, while a zombie has no working directory.
    """
    kill_at = time.monotonic() + timeout_s
    while pids := server_pids(folder):
        late_s = time.monotonic() - kill_at
        if late_s > KILL_TIMEOUT_S:
            raise EmbeddedServerError(f"processes {pids} still use {folder} and cannot be killed")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late_s > 0 else signal.SIGINT)
        time.sleep(POLL_S)


def server_pids(folder: Path) -> list[int]:
    """Processes named like a server whose working directory is `folder`."""
    here = folder.stat()
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            cwd = (entry / "cwd").stat()
            name = (entry / "comm").read_text()
        except OSError:  # ended meanwhile, a zombie, or another user's
            continue
        if (cwd.st_dev, cwd.st_ino) == (here.st_dev, here.st_ino) and name.startswith(SERVER_NAMES):
            pids.append(int(entry.name))
    return pids
