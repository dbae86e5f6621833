"""The lock for GPUs can be installed on each Python that it is for.

Skipped where no package index answers, and where uv is not installed, as beside the GPU build.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "requirements" / "gpu.txt"
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", LOCK.read_text(), re.MULTILINE))
# In the output of uv, if no index can be reached.
NO_ANSWER = ("error sending request", "network timeout", "failed to lookup address", "dns error", "timed out")


def sources_of_pip() -> list[str]:
    """Arguments by which uv looks where pip's configuration does."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    found = re.findall(r"^\S+\.(index-url|extra-index-url|find-links)='(.*)'$", listed, re.MULTILINE)
    return [f"--{key}={place}" for key, places in found for place in places.replace("\\n", " ").split()]


@pytest.mark.skipif(find_spec("uv") is None, reason="uv is not installed here; requirements/cpu.txt has it")
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_lock_is_complete_and_free_of_conflicts(version: str, tmp_path: Path) -> None:
    """`pip install --no-deps` installs the pins as they stand; resolving them with what they ask for adds nothing.

    uv evaluates the conditions of requirements for any Python, pip for its own only.
    """
    uv = [sys.executable, "-m", "uv", "pip", "install", "--no-config", "--dry-run", "--only-binary=:all:"]
    target = [
        "--python-version",
        version,
        "--python-platform",
        "x86_64-manylinux_2_34",
        "--target",
        str(tmp_path),
    ]
    pins = ["--requirement", str(LOCK), f"torch==={PINS['torch']}"]
    done = subprocess.run(
        [*uv, *target, *pins, "--index-strategy", "unsafe-best-match", *sources_of_pip()],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    if done.returncode and any(sign in done.stderr.lower() for sign in NO_ANSWER):
        pytest.skip("no package index answers")
    assert done.returncode == 0, done.stderr
    assert dict(re.findall(r"^ \+ ([\w.-]+)==(\S+)$", done.stderr, re.MULTILINE)) == PINS
