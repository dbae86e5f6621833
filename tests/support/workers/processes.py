"""Looking at processes through /proc."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(stat.parent.name)] = int(fields[1])
    below = [child for child, parent in parents.items() if parent == pid]
    return below + [each for child in below for each in descendants(child)]


def engines_below(pid: int) -> dict[int, list[int]]:
    """The engine processes below the process that has loaded a pair, each with the processes of its ranks, if any."""
    engines = [each for each in descendants(pid) if "VLLM::EngineCore" in command_line(each)]
    return {engine: [rank for rank in descendants(engine) if alive(rank)] for engine in engines}


def alive(pid: int) -> bool:
    """Whether the process runs. Zombies count as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    """The command line of the process, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def shared_memory_of(pids: Iterable[int]) -> set[Path]:
    """The named shared memory and semaphores that the processes have open."""
    named: set[Path] = set()
    for pid in pids:
        with suppress(OSError):
            paths = [
                line.split(maxsplit=5)[5:] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
            ]
            named.update(Path(path) for path, *_ in filter(None, paths) if path.startswith("/dev/shm/"))
    return {path for path in named if path.exists()}


def send(pid: int, number: signal.Signals) -> None:
    """A process that has ended is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def with_environment(setting: str) -> list[int]:
    """Live processes with `NAME=value` in their environment, this one apart."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environ.parent.name)
        with suppress(OSError):
            if f"{setting}\0".encode() in environ.read_bytes() and pid != os.getpid() and alive(pid):
                found.append(pid)
    return found


def wait_for(condition: Callable[[], bool], deadline_s: float = 150.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {deadline_s:g} s in vain"
        time.sleep(0.05)
