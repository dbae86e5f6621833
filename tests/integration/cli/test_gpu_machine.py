"""The doctor on a machine with GPUs: an nvidia-smi of the test's own writes what a driver was seen to write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from specreason.cli.checks import deployment, gpus, memory, preflight, processes
from specreason.cli.checks.gpus import FIELDS
from specreason.cli.checks.preflight import refuse_what_cannot_run
from specreason.errors import InputError
from specreason.pairs import load_pairs
from tests.support.messages import naming

PAIR = "qwq-32b_r1-1_5b"
A6000S = "".join(f"{index}, NVIDIA RTX A6000, 570.172.08, 8.6, 14, 49140\n" for index in (0, 1))


@pytest.fixture(autouse=True)
def _on_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (gpus, memory, processes):
        monkeypatch.setattr(module, "runs_on_gpus", lambda: True)
    gpus.shown_gpus.cache_clear()
    yield
    gpus.shown_gpus.cache_clear()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which each call of nvidia-smi leaves a line."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\nprintf "{A6000S}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "asked"


def test_all_checks_of_the_doctor_ask_nvidia_smi_once_and_for_every_field(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPECREASON_DATABASE_URL", "SPECREASON_BROKER_URL", "SPECREASON_PAIRS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = {each.name: each for each in deployment.diagnose(PAIR, tmp_path / "data", "http://127.0.0.1:1")}
    (call,) = asked.read_text().splitlines()
    assert all(field in call for field in FIELDS)
    assert found["gpus"].status == found["gpu use"].status == "ok"
    assert (found["driver"].status, found["driver"].found) == ("fail", "570.172.08")
    assert {"shared memory", "cores", "compiler"} <= set(found)


def test_a_driver_that_cannot_run_the_pair_is_refused_before_anything_starts(asked: Path) -> None:
    with pytest.raises(InputError, match=naming("driver: 570.172.08", "580")):
        refuse_what_cannot_run(PAIR, load_pairs()[PAIR])


def test_an_nvidia_smi_that_fails_is_a_warning_and_a_missing_one_an_error_without_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "GPU_DEVICES", (str(tmp_path / "nvidiactl"),))
    pair = load_pairs()[PAIR]
    assert [each.status for each in gpus.check_gpus(pair)] == ["warn"]
    assert gpus.check_free_gpus(pair) == []
    program.unlink()
    assert [each.status for each in preflight.check_gpus(pair)] == ["fail"]
    (tmp_path / "nvidiactl").touch()
    assert [each.status for each in gpus.check_gpus(pair)] == ["warn"]
