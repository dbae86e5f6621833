"""The proof runs on a machine without a GPU as far as that goes, in one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# The demo has its own acceptance tests, which start it as this phase does.
PHASES = ("machine", "numbers", "shapes", "kills", "speculation-v1", "ranks-2-1", "mps")
# It loads three pairs, one after the other.
pytestmark = pytest.mark.timeout(600)


def test_on_the_cpu_every_phase_that_takes_no_gpu_is_done_and_the_verdicts_say_so(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "tests.gpu.proof", "--json", "--minutes", "8", "--logs", str(logs)),
            *(word for name in PHASES for word in ("--phase", name)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    *lines, last = map(json.loads, answer.stdout.splitlines())
    assert answer.returncode == 0, f"{answer.stdout}\n{answer.stderr}"
    outcomes = {line["phase"]: line["outcome"] for line in lines}
    assert outcomes == {
        "machine/looks": "done",
        "numbers/load": "done",
        "numbers/digits": "done",
        "numbers/seeds": "done",
        "numbers/requests": "done",
        "shapes/load": "done",
        "shapes/memory": "done",
        "shapes/warm-up": "done",
        "shapes/overlap": "done",
        "kills/kills": "done",
        "speculation-v1/tokens": "skipped",
        "ranks-2-1/memory": "skipped",
        "ranks-2-1/overlap": "skipped",
        "mps/overlap": "skipped",
    }
    facts: dict[str, Any] = {line["phase"]: line["facts"] for line in lines}
    assert facts["numbers/digits"]["tied"]["float32"] == 0
    assert facts["numbers/digits"]["differences"]["reference"] < 0.2
    assert facts["numbers/requests"]["stops"] is True
    assert facts["numbers/requests"]["cached_tokens"]["first"] == 0
    assert facts["numbers/requests"]["cached_tokens"]["second"] > 0
    assert "engine dead" in facts["kills/kills"]["engine"]["in_flight"]
    assert last["passed"] is True
    verdicts = {finding: each["verdict"] for finding, each in last["verdicts"].items()}
    assert list(verdicts) == [f"F{number}" for number in range(1, 16)]
    assert {finding for finding, verdict in verdicts.items() if verdict == "confirmed fixed"} == {"F8", "F13"}
    assert "no GPU" in last["verdicts"]["F1"]["why"]
