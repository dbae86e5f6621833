"""An engine process never outlives the process that loaded it, however that one ends.

vLLM's engine processes do not notice that their parent was killed: without this module they would keep running and
hold the GPU. `EngineProcess` is part of the engine's configuration, and unpickling it in another process starts the
watch there. An engine of several ranks starts a process for each, and hands the configuration on: so each rank watches
its engine. The module imports nothing heavy, so that the watch starts early.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from specreason.engines.machine.leftovers import keep_rendezvous_in_folder_of, remove_leftovers

POLL_S = 0.25
# The key of an EngineProcess in vLLM's additional_config.
SETTINGS = "specreason"


class EngineProcess(dict[str, Any]):
    """The arguments of one engine process, JSON-able for vLLM's configuration hash.

    `cores` are the CPUs that each rank computes on, None on GPUs. `ranks` is their number.
    """

    def __reduce__(self) -> tuple[Callable[..., EngineProcess], tuple[int, dict[str, Any]]]:
        return _arrive, (os.getpid(), dict(self))


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Block SIGINT for the processes that this thread starts in the block, which inherit the signal mask.

    Ctrl-C reaches the whole foreground group, but the owner ends its engines itself, after its jobs.
    """
    # Starting the tracker unblocks SIGINT in the thread that does it, so it is started first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _arrive(owner: int, settings: dict[str, Any]) -> EngineProcess:
    """Unpickle: in the process of an engine or a rank that `owner` has started, or in `owner` itself, as a copy."""
    if owner != os.getpid() and not any(thread.name == _watch.__name__ for thread in threading.enumerate()):
        # The engine of a single GPU compiles kernels in its own process.
        if settings["cores"] is not None or settings["ranks"] > 1:
            keep_rendezvous_in_folder_of(owner)
        threading.Thread(target=_watch, args=(owner,), name=_watch.__name__, daemon=True).start()
    return EngineProcess(settings)


def _watch(owner: int) -> None:
    while os.getppid() == owner:
        time.sleep(POLL_S)
    for child in multiprocessing.active_children():
        child.kill()
    remove_leftovers(owner)
    os.kill(os.getpid(), signal.SIGKILL)
