"""A short chaos run with a fixed seed: `make chaos` runs five minutes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ["--seed", "7", "--duration", "20", "--jobs", "60", "--workers", "2", "--gap", "1.5", "--drain", "90"]


def test_twenty_seconds_of_faults_lose_nothing_and_write_nothing_twice(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *RUN, "--logs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    assert answer.returncode == 0, f"{found}\n{answer.stderr}"
    assert found["jobs"] == found["succeeded"] == 60
    for name in ("lost", "duplicated", "gaps", "stale_writes", "overlapping", "diverged"):
        assert found[name] == 0, f"{name}: {found}"
    assert found["broken_rules"] == []
    assert found["num_faults"] >= 3
    assert found["attempts"].get("lost", 0) > 0
    assert found["repeated_steps"]["max"] <= 2
