"""The processes that an engine of several ranks has started. If the engine is killed, they end a little after it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

POLL_S = 0.02


def processes_below(pid: int | None) -> list[psutil.Process]:
    """Every process below `pid`, none if that one has ended or was never started."""
    try:
        return [] if pid is None else psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def see_ended(processes: Iterable[psutil.Process], within_s: float) -> None:
    """Wait until all have ended, kill those that have not in time, and wait for these as long again."""
    late = _wait(processes, within_s)
    for process in late:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(late, within_s)


def _wait(processes: Iterable[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait, and return those that still run."""
    deadline = time.monotonic() + within_s
    while (running := [each for each in processes if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return running


def _runs(process: psutil.Process) -> bool:
    """Whether it runs. In a container, zombies may have nobody who reaps them."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
