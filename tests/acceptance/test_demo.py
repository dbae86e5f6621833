"""`specreason demo` as a user runs it, and when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tests.support.workers.processes import alive, command_line, descendants, wait_for

DEMO = [sys.executable, "-m", "specreason.cli.main", "demo", "--problems", "2"]
BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
# It loads a pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(400)


def test_the_demo_ends_in_one_json_line_and_leaves_nothing_behind_but_its_report_and_the_data_asked_for(
    tmp_path: Path,
) -> None:
    environment = BARE | {"TMPDIR": str(tmp_path)}
    data = tmp_path / "data"
    report = tmp_path / "report"
    command = [*DEMO, "--json", "--data-dir", str(data), "--report", str(report)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    figures = json.loads(answer.stdout.splitlines()[-1])
    assert (figures["jobs_total"], figures["jobs_succeeded"]) == (6, 6)
    for of_schemes in (figures["pass_at_1"], figures["mean_latency_s"]):
        assert set(of_schemes) == {"base", "drafter", "specreason"}
    assert figures["speedup"] > 0
    assert 0 <= figures["step_acceptance"] <= 1
    assert not list(tmp_path.glob("specreason*"))
    assert figures["report"] == str(report / "report.html")
    assert "<svg" in (report / "report.html").read_text()
    drawn = json.loads((report / "report.json").read_text())
    assert {cell["scheme"] for cell in drawn["cells"]} == {"base", "drafter", "specreason"}
    assert {"accuracy_latency", "output_length", "where_time_goes"} <= {
        each["name"] for each in drawn["figures"]
    }
    # Told to leave, the worker closed its engines itself.
    assert "an engine has died" not in (data / "worker.log").read_text()


def test_a_demo_in_a_narrow_terminal_says_what_it_does_and_killed_takes_every_process_with_it(
    tmp_path: Path,
) -> None:
    terminal = Terminal(60, {"TMPDIR": str(tmp_path)})
    demo = terminal.start([*DEMO, "--report", str(tmp_path / "report")], timeout_s=380)
    demo.expect("Loading the pair")
    assert "Starting the API" in demo.before
    wait_for(lambda: sum("EngineCore" in command_line(pid) for pid in descendants(demo.pid)) == 2)
    family = descendants(demo.pid)
    os.kill(demo.pid, signal.SIGKILL)
    demo.close()
    wait_for(lambda: not any(map(alive, family)))
