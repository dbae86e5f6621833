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
from contextlib import closing
from pathlib import Path

import pytest

from specreason.cli.running import FILE, find_running
from specreason.store.read.workers import list_workers
from specreason.store.session import connect
from tests.support.messages import names
from tests.support.workers.processes import alive, descendants, wait_for

COMMAND = [sys.executable, "-P", "-m", "specreason.cli.main"]
BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
# Each loads a pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(600)


def specreason(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], env=BARE, capture_output=True, text=True, check=False
    )


def test_up_runs_in_the_background_until_down_and_is_seen_there(tmp_path: Path) -> None:
    data = ("--data-dir", tmp_path / "data")
    started = specreason("up", "--detach", "--port", 0, *data)
    assert started.returncode == 0, started.stderr
    up = find_running(tmp_path / "data")
    assert up is not None
    try:
        assert names(started.stdout, up.api_url, f"specreason down --data-dir {tmp_path / 'data'}")
        assert "Loading the pair" in started.stderr
        status = specreason("status", *data, "--json")
        assert (status.returncode, json.loads(status.stdout)["serving"]) == (0, True)
        assert len(json.loads(status.stdout)["workers"]) == 1
        second = specreason("up", "--detach", *data)
        assert (second.returncode, names(second.stderr, up.pid)) == (7, True)
        doctor = json.loads(specreason("doctor", *data, "--json").stdout)
        found = {check["name"]: check["status"] for check in doctor["checks"]}
        assert {found[name] for name in ("up", "database", "broker", "workers", "api")} == {"ok"}
        family = descendants(up.pid)
        assert len(family) >= 6
    finally:
        stopped = specreason("down", *data)
    assert (stopped.returncode, names(stopped.stdout, up.pid)) == (0, True)
    assert not any(map(alive, (up.pid, *family)))
    assert specreason("status", *data).returncode == 3
    assert not (tmp_path / "data" / FILE).exists()


def test_after_a_kill_up_waits_for_its_own_worker_and_a_closed_terminal_stops_it(tmp_path: Path) -> None:
    data = ("--data-dir", tmp_path / "data")
    assert specreason("up", "--detach", "--port", 0, *data).returncode == 0
    killed = find_running(tmp_path / "data")
    assert killed is not None
    left = descendants(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    assert specreason("status", *data).returncode == 3
    terminal, its_end = pty.openpty()
    up = subprocess.Popen(
        [*COMMAND, "up", "--port", "0", *map(str, data), "--json"],
        env=BARE,
        stdin=its_end,
        stdout=subprocess.PIPE,
        stderr=its_end,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(its_end),  # noqa: PLW1509 (this process has one thread)
    )
    os.close(its_end)
    assert up.stdout is not None
    with closing(up.stdout) as printed:
        where = json.loads(printed.readline())
        database = connect(where["database_url"], pool_size=1)
        ours = descendants(up.pid)
        assert any(worker.alive and worker.pid in ours for worker in list_workers(database))
        database.dispose()
        os.close(terminal)
        assert up.wait() == 0
    wait_for(lambda: not any(map(alive, (*ours, *left))))
    assert not (tmp_path / "data" / FILE).exists()


def _take_terminal(fd: int) -> None:
    """Make it the controlling terminal of this session, so that the kernel signals its end.

    A signal that the caller ignores, as under `nohup`, would be ignored here too.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
