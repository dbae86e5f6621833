"""SIGKILL of an engine's process, and of the process that has loaded the pair: whether something stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gpu.machine import used_gib
from tests.gpu.scene import Facts, Scene
from tests.support.workers.processes import alive, descendants, wait_for

# Memory that comes and goes on a card that nobody uses, GiB.
NOISE_GIB = 0.1
LIMIT_S = 30.0


class EngineHost:
    """tests/support/workers/engine_host.py: a process with the tiny pair, which obeys one word a line."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.workers.engine_host", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, order: str, answer: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return self.hear(answer)

    def hear(self, answer: str) -> Any:
        """Wait for the host's next answer. vLLM logs to the same stream, and its lines are no JSON."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)[answer]
        raise RuntimeError("the engine host has ended; the log says why")


async def kills(scene: Scene) -> Facts:
    """Kill one engine of a pair that generates, then the owner of both. Seconds until nothing of them is left."""
    return await asyncio.to_thread(_kill, scene.folder / "tiny")


def _kill(folder: Path) -> Facts:
    before = used_gib()
    host = EngineHost(folder)
    killed, other = host.hear("engine_pids")
    loaded = used_gib()
    host.ask("generate-long", "started")

    engine = [killed, *descendants(killed)]
    os.kill(killed, signal.SIGKILL)
    engine_gone_s = _seconds_until(lambda: not any(map(alive, engine)))
    in_flight = host.hear("in_flight")
    if not alive(other):
        raise RuntimeError("the other engine has died, too")

    family = descendants(host.process.pid)
    host.process.kill()
    host.process.communicate()
    owner_gone_s = _seconds_until(lambda: not any(map(alive, family)))
    memory_back_s = _seconds_until(lambda: used_gib() < before + NOISE_GIB)
    return {
        "engine": {"gone_s": engine_gone_s, "in_flight": in_flight},
        "owner": {"gone_s": owner_gone_s, "memory_back_s": memory_back_s},
        "used_gib": {"before": before, "loaded": loaded, "after": used_gib()},
    }


def _seconds_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    wait_for(condition, LIMIT_S)
    return round(time.monotonic() - started, 2)
