"""Engine processes end with the process that loaded them, and only then. Each test pays for loading a pair."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specreason.children import kill_group
from specreason.engines.machine.leftovers import remove_leftovers

ROOT = Path(__file__).parents[3]
# Loading is imports, some 20 seconds of two idle cores; on a busy machine it takes minutes.
pytestmark = pytest.mark.timeout(600)


class EngineHost:
    """tests/support/workers/engine_host.py in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.workers.engine_host", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.engine_pids: list[int] = []

    def ask(self, order: str, answer: str) -> Any:
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.hear(answer)

    def hear(self, answer: str) -> Any:
        """Its next answer. vLLM logs to the same stream, and its lines are no JSON."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)[answer]
        raise AssertionError(f"the engine host has ended:\n{self.process.stderr.read()}")

    def close(self) -> None:
        """Kill whatever is left of it, and remove its files."""
        kill_group(self.process)
        self.process.communicate()
        remove_leftovers(self.process.pid)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EngineHost]:
    host = EngineHost(tmp_path)
    try:
        host.engine_pids = host.hear("engine_pids")
        yield host
    finally:
        host.close()


def alive(pids: list[int]) -> list[int]:
    """Those of `pids` that run; a zombie does not."""
    running = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state not in "ZX":
            running.append(pid)
    return running


def await_end(pids: list[int], seconds: float) -> list[int]:
    """The processes that still run after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := alive(pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def folders(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"specreason-engines-{pid}-*"))


def test_engines_ignore_ctrl_c_a_killed_one_fails_its_calls_and_the_other_ends_with_its_process(
    host: EngineHost,
):
    killed, other = host.engine_pids
    assert {os.getpgid(pid) for pid in host.engine_pids} == {host.process.pid}
    for pid in host.engine_pids:
        os.kill(pid, signal.SIGINT)
    assert host.ask("generate", "outcomes") == ["length", "length"]

    host.ask("generate-long", "started")
    os.kill(killed, signal.SIGKILL)
    assert "engine dead" in host.hear("in_flight")
    assert sorted(host.ask("generate", "outcomes")) == ["engine dead", "length"]

    assert alive([other])
    assert len([file for folder in folders(host.process.pid) for file in folder.glob("vllm_dist_*")]) == 2
    host.process.kill()
    assert await_end([other], seconds=10) == []
    host.process.wait()
    assert folders(host.process.pid) == []


def test_closing_fails_calls_in_flight_and_leaves_no_process_and_no_file(host: EngineHost):
    assert host.ask("generate-and-close", "in_flight") == ["engine dead", "engine dead"]
    assert alive(host.engine_pids) == []
    _, stderr = host.process.communicate(input="", timeout=120)
    assert host.process.returncode == 0
    assert "Traceback" not in stderr
    assert folders(host.process.pid) == []
