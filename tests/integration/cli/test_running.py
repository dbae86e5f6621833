"""`up.json`: by it other commands find a `specreason up`, and only as long as that lives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from specreason.cli.running import (
    FILE,
    RunningUp,
    announced,
    born,
    find_running,
    now_serving,
    stop_running,
    this_process,
    write,
)
from specreason.cli.show.running import how_to_stop
from specreason.errors import TimedOut
from tests.support.messages import names
from tests.support.shell import Shell


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell("", capsys)


def an_up(data_dir: Path, **fields: object) -> RunningUp:
    return this_process(
        **{
            "pair": "demo",
            "slots": 16,
            "api_url": "http://127.0.0.1:1",
            "database_url": "postgresql://u:secret@127.0.0.1:1/d",
            "broker_url": "redis://127.0.0.1:1/0",
            "data_dir": str(data_dir),
        }
        | fields
    )


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_an_up_is_found_while_its_block_lasts_by_its_owner_alone(tmp_path: Path) -> None:
    mine = an_up(tmp_path)
    with announced(mine):
        assert find_running(tmp_path) == mine
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        assert find_running(tmp_path) != now_serving(mine) == find_running(tmp_path)
    assert find_running(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_what_a_killed_up_left_behind_does_not_count(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    write(an_up(tmp_path))
    left = find_running(tmp_path)
    assert left is not None
    write(replace(left, pid=sleeper.pid))  # the pid has been used again
    assert find_running(tmp_path) is None
    write(replace(left, pid=sleeper.pid, born=born(sleeper.pid)))
    assert find_running(tmp_path) is not None
    sleeper.kill()  # nobody has waited for it yet: a zombie
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert find_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_file_that_cannot_be_read_is_no_running_up(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert find_running(tmp_path) is None


def test_where_nothing_runs_status_says_so_with_3_and_down_with_0(tmp_path: Path, commands: Shell) -> None:
    shown, stopped = (commands(name, "--data-dir", tmp_path) for name in ("status", "down"))
    assert (shown.status, names(shown.out, tmp_path, "specreason up")) == (3, True)
    assert (stopped.status, names(stopped.out, tmp_path)) == (0, True)
    shown, stopped = (commands(name, "--data-dir", tmp_path, "--json") for name in ("status", "down"))
    assert (shown.json["running"], stopped.json["stopped"]) == (False, False)


def test_down_stops_the_process_and_says_what_it_was(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], commands: Shell
) -> None:
    write(replace(an_up(tmp_path), pid=sleeper.pid, born=born(sleeper.pid)))
    stopped = commands("down", "--data-dir", tmp_path)
    assert (stopped.status, names(stopped.out, sleeper.pid, "demo", tmp_path)) == (0, True)
    assert sleeper.wait() == -signal.SIGTERM


def test_a_process_that_ends_just_before_it_is_stopped_counts_as_stopped(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stop_running(replace(an_up(tmp_path), pid=ended.pid), timeout_s=0, tell=lambda seconds: None)


def test_the_command_that_stops_an_up_can_be_copied_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    assert f"`specreason down --data-dir '{folder}'`" in how_to_stop(an_up(folder))


def test_a_process_that_does_not_stop_in_time_is_named(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-uc", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        up = replace(an_up(tmp_path), pid=process.pid, born=born(process.pid))
        with pytest.raises(TimedOut, match=str(process.pid)):
            stop_running(up, timeout_s=0, tell=lambda seconds: None)
        process.kill()


def test_status_tells_the_line_by_which_other_commands_find_an_unusual_port(
    tmp_path: Path, commands: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPECREASON_API_URL", raising=False)
    with announced(an_up(tmp_path)):
        shown = commands("status", "--data-dir", tmp_path)
        assert (shown.status, names(shown.out, "export SPECREASON_API_URL=http://127.0.0.1:1")) == (0, True)
        assert names(shown.out, os.getpid(), "demo", f"specreason down --data-dir {tmp_path}")
    with announced(an_up(tmp_path, api_url="http://127.0.0.1:8765")):
        assert "export" not in commands("status", "--data-dir", tmp_path).out


def test_status_of_an_up_whose_database_is_away_still_says_what_runs(tmp_path: Path, commands: Shell) -> None:
    up = an_up(tmp_path)
    with announced(up):
        now_serving(up)
        shown = commands("status", "--data-dir", tmp_path, "--json")
        assert (shown.status, shown.json["pid"], shown.json["num_queued"]) == (0, os.getpid(), None)
        assert "does not answer" in commands("status", "--data-dir", tmp_path).out


def test_a_second_up_on_the_folder_is_refused_at_once_and_names_the_first(
    tmp_path: Path, commands: Shell
) -> None:
    with announced(an_up(tmp_path)):
        ended = commands("up", "--data-dir", tmp_path, "--port", "0")
        assert (ended.status, names(ended.err, os.getpid(), "specreason down", tmp_path)) == (7, True)
        assert json.loads((tmp_path / FILE).read_text())["pid"] == os.getpid()
