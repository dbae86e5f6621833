"""The Multi-Process Service of the proof starts and ends in good order, with a stand-in of NVIDIA's program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gpu.mps import MPS_CONTROL, mps
from tests.support.workers.processes import wait_for, with_environment

# As a service it runs until SIGTERM; else it passes on what it is asked. Either says something.
PROGRAM = """#!/bin/bash
echo hello
echo hello >&2
[[ $1 = -f ]] || { read -r asked; echo "$asked" > "$CUDA_MPS_LOG_DIRECTORY/asked"; exit 0; }
echo serving > "$CUDA_MPS_LOG_DIRECTORY/serving"
while :; do sleep 0.02; done
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's folder. Its program is on PATH, and not where a shell without PATH looks."""
    program = tmp_path / "bin" / MPS_CONTROL
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def test_the_service_is_asked_to_quit_and_ends_and_writes_nothing_among_the_lines_of_the_proof(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with mps(folder) as environment:
        wait_for((folder / "serving").exists)
    assert (folder / "asked").read_text() == "quit\n"
    assert capfd.readouterr().out == ""
    assert (folder / "mps.log").read_text() == "hello\n" * 4
    wait_for(lambda: not with_environment(f"CUDA_MPS_LOG_DIRECTORY={environment['CUDA_MPS_LOG_DIRECTORY']}"))


def test_a_service_that_cannot_be_asked_is_stopped_all_the_same(folder: Path) -> None:
    with mps(folder) as environment:
        wait_for((folder / "serving").exists)
        (folder / "bin" / MPS_CONTROL).unlink()
    assert not (folder / "asked").exists()
    wait_for(lambda: not with_environment(f"CUDA_MPS_LOG_DIRECTORY={environment['CUDA_MPS_LOG_DIRECTORY']}"))
