"""`specreason up` as a user runs it: in the background, in a terminal that is closed, and after a kill."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from specreason.cli.running import FILE, find_running
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.workers import list_workers
from specreason.store.session import connect
from tests.support.messages import names
from tests.support.workers.processes import alive, command_line, descendants, wait_for

COMMAND = [sys.executable, "-P", "-m", "specreason.cli.main"]
BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
# Each loads a pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(600)


def specreason(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], env=BARE, capture_output=True, text=True, check=False
    )


def test_an_up_whose_terminal_is_closed_ends_with_all_its_processes(tmp_path: Path) -> None:
    terminal, its_end = pty.openpty()
    up = subprocess.Popen(
        [*COMMAND, "up", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env=BARE,
        stdin=its_end,
        stdout=subprocess.DEVNULL,
        stderr=its_end,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(its_end),  # noqa: PLW1509 (this process has one thread)
    )
    os.close(its_end)
    # Its last part, while it loads the pair.
    wait_for(lambda: any("--progress-fd" in command_line(pid) for pid in descendants(up.pid)))
    ours = descendants(up.pid)
    os.close(terminal)
    assert up.wait() == 128 + signal.SIGTERM  # as if told to leave: it has not served yet
    wait_for(lambda: not any(map(alive, ours)))
    assert not (tmp_path / "data" / FILE).exists()


def test_after_a_kill_up_waits_for_its_own_worker_and_runs_in_the_background_until_down(
    tmp_path: Path,
) -> None:
    data = ("--data-dir", tmp_path / "data")
    first = subprocess.Popen(
        [*COMMAND, "up", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env=BARE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: any("--progress-fd" in command_line(pid) for pid in descendants(first.pid)))
    killed = find_running(tmp_path / "data")
    assert killed is not None
    # Its own worker would load for a minute before it is there.
    database = connect(killed.database_url, pool_size=1)
    earlier = NewWorker(pair="demo", pair_fingerprint="earlier", host="elsewhere", pid=1, slots=4)
    register_worker(database, earlier, lease_s=600)
    database.dispose()
    left = descendants(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    first.wait()
    assert specreason("status", *data).returncode == 3

    started = specreason("up", "--detach", "--port", 0, *data)
    assert started.returncode == 0, started.stderr
    up = find_running(tmp_path / "data")
    assert up is not None
    try:
        family = descendants(up.pid)
        database = connect(up.database_url, pool_size=1)
        assert any(worker.alive and worker.pid in family for worker in list_workers(database))
        database.dispose()
        assert names(started.stdout, up.api_url, f"specreason down --data-dir {tmp_path / 'data'}")
        assert "Loading the pair" in started.stderr
        status = specreason("status", *data, "--json")
        assert (status.returncode, json.loads(status.stdout)["serving"]) == (0, True)
        here = [worker for worker in json.loads(status.stdout)["workers"] if worker["host"] != "elsewhere"]
        assert len(here) == 1
        second = specreason("up", "--detach", *data)
        assert (second.returncode, names(second.stderr, up.pid)) == (7, True)
        doctor = json.loads(specreason("doctor", *data, "--json").stdout)
        found = {check["name"]: check["status"] for check in doctor["checks"]}
        assert {found[name] for name in ("up", "database", "broker", "workers", "api")} == {"ok"}
    finally:
        stopped = specreason("down", *data)
    assert (stopped.returncode, names(stopped.stdout, up.pid)) == (0, True)
    assert not any(map(alive, (up.pid, *family)))
    wait_for(lambda: not any(map(alive, left)))
    assert specreason("status", *data).returncode == 3
    assert not (tmp_path / "data" / FILE).exists()


def _take_terminal(fd: int) -> None:
    """Make it the controlling terminal of this session, so that the kernel signals its end.

    A signal that the caller ignores, as under `nohup`, would be ignored here too.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
