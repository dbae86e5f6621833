"""The proof runs on a machine without a GPU as far as that goes, in one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.stages import STAGES

ROOT = Path(__file__).parents[2]
# Each load takes its time, and the same kills and the same job are tested elsewhere: test_engine_processes, test_demo.
PHASES = [stage.name for stage in STAGES if stage.name not in ("kills", "job")]
# It loads two pairs, one after the other.
pytestmark = pytest.mark.timeout(600)


def test_on_the_cpu_every_phase_that_takes_no_gpu_is_done_and_the_verdicts_say_so(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "tests.gpu.proof", "--json", "--minutes", "9", "--logs", str(logs)),
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
        "speculation-v1/tokens": "skipped",
        "speculation-v2/tokens": "skipped",
        "ranks-2-1/memory": "skipped",
        "ranks-2-1/overlap": "skipped",
        "ranks-2-2/memory": "skipped",
        "ranks-2-2/overlap": "skipped",
        "mps/overlap": "skipped",
    }
    facts: dict[str, Any] = {line["phase"]: line.get("facts") for line in lines}
    assert facts["numbers/digits"]["tied"]["float32"] == 0 < facts["numbers/digits"]["tied"]["bfloat16"]
    assert facts["numbers/digits"]["differences"]["reference"] < 0.1
    assert facts["numbers/requests"]["stops"] is True
    assert facts["numbers/requests"]["cached_tokens"]["first"] == 0
    assert facts["numbers/requests"]["cached_tokens"]["second"] > 0
    assert last["passed"] is True
    verdicts = {finding: each["verdict"] for finding, each in last["verdicts"].items()}
    assert list(verdicts) == [f"F{number}" for number in range(1, 16)]
    assert {finding for finding, verdict in verdicts.items() if verdict == "confirmed fixed"} == {"F8", "F13"}
    assert "no GPU" in last["verdicts"]["F1"]["why"]
