"""`specreason eval` on a stack of its own, as a user runs it: the worker of one pair after that of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BARE = {name: value for name, value in os.environ.items() if not name.startswith("SPECREASON_")}
KNOBS = json.dumps({"temperature": 0, "max_answer_tokens": 64})
# It loads two pairs; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(900)


def evaluated(data: Path) -> tuple[Any, str]:
    """The cells, and what was said meanwhile."""
    command = [
        sys.executable,
        "-m",
        "specreason.cli.main",
        "eval",
        "--limit",
        "2",
        "--schemes",
        "base,specdecode",
    ]
    options = [
        "--token-budgets",
        "1024",
        "--config",
        KNOBS,
        "--slots",
        "1",
        "--data-dir",
        str(data),
        "--json",
    ]
    answer = subprocess.run([*command, *options], env=BARE, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])["cells"], answer.stderr


def test_one_command_runs_the_cells_of_two_pairs_and_run_again_it_starts_no_worker(tmp_path: Path) -> None:
    data = tmp_path / "data"
    cells, said = evaluated(data)
    assert [(cell["scheme"], cell["pair"]) for cell in cells] == [
        ("base", "demo"),
        ("specdecode", "demo-decode"),
    ]
    assert [cell["num_succeeded"] for cell in cells] == [2, 2]
    assert cells[1]["speedup"]["mean"] > 0
    assert said.count("Starting the worker") == 2
    again, said = evaluated(data)
    assert again == cells
    assert "Starting the worker" not in said
