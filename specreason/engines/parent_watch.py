"""An engine process never outlives the process that loaded it, however that one ends.

vLLM's engine processes do not notice that their parent was killed: without this they would run on, holding the
GPU. `EngineProcess` travels inside the engine's configuration; unpickling it in a spawned engine process imports
this module there, and importing it starts the watch. Imports nothing heavy: it runs first of all.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from typing import Any

POLL_S = 0.25
_OWNER = "SPECREASON_ENGINE_OWNER"  # pid of the process that is about to start engine processes


class EngineProcess(dict[str, Any]):
    """What one engine process needs to know: `cores`, the CPUs it computes on. JSON-able, for vLLM's config hash."""


def announce_owner() -> None:
    """Call before starting engine processes: they die with this process."""
    os.environ[_OWNER] = str(os.getpid())


def _start() -> None:
    """Watch the parent, if this is a process that an owner started through multiprocessing."""
    owner = os.environ.get(_OWNER)
    if owner is None or multiprocessing.current_process().name == "MainProcess":
        return
    # Ctrl-C reaches the whole foreground group; the owner ends its engines itself, after its jobs. Threads and
    # processes started from here on inherit the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    announce_owner()
    threading.Thread(target=_watch, args=(int(owner),), name="parent-watch", daemon=True).start()


def _watch(owner: int) -> None:
    while os.getppid() == owner:
        time.sleep(POLL_S)
    for child in multiprocessing.active_children():
        child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


_start()
