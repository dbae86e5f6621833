"""The doctor on a machine with GPUs: an nvidia-smi of the test's own writes what a driver was seen to write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from specreason.cli.checks import deployment, gpus, memory, preflight, processes
from specreason.cli.checks.finding import Finding
from specreason.cli.checks.preflight import refuse_what_cannot_run
from specreason.cli.running import RunningUp
from specreason.engines.machine import gpus as machine_gpus
from specreason.engines.machine.gpus import FIELDS
from specreason.errors import InputError
from specreason.pairs import load_pairs
from tests.support.gpus import gpu_line, write_nvidia_smi
from tests.support.messages import naming

PAIR = "qwq-32b_r1-1_5b"
A6000S = "".join(gpu_line(index, driver="570.172.08") for index in (0, 1))


@pytest.fixture(autouse=True)
def _on_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (gpus, memory, processes):
        monkeypatch.setattr(module, "runs_on_gpus", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus.answer_once.cache_clear()
    yield
    gpus.answer_once.cache_clear()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which each call of nvidia-smi leaves a line."""
    write_nvidia_smi(tmp_path / "bin", f'echo "$*" >> {tmp_path}/asked\nprintf "{A6000S}"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "asked"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named, and the hub is not asked."""
    for name in ("SPECREASON_DATABASE_URL", "SPECREASON_BROKER_URL", "SPECREASON_PAIRS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def diagnosed(folder: Path) -> dict[str, Finding]:
    """The findings of the doctor by name."""
    return {each.name: each for each in deployment.diagnose(PAIR, folder / "data", "http://127.0.0.1:1")}


@pytest.mark.usefixtures("bare")
def test_all_checks_of_the_doctor_ask_nvidia_smi_once_and_for_every_field(
    asked: Path, tmp_path: Path
) -> None:
    found = diagnosed(tmp_path)
    (call,) = asked.read_text().splitlines()
    assert all(field in call for field in FIELDS)
    assert found["gpus"].status == found["gpu use"].status == "ok"
    assert (found["driver"].status, found["driver"].found) == ("fail", "570.172.08")
    assert {"shared memory", "cores", "compiler"} <= set(found)


@pytest.mark.usefixtures("bare")
def test_an_nvidia_smi_that_hangs_is_waited_for_once(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_gpus, "PATIENCE_S", 0.3)
    write_nvidia_smi(tmp_path / "bin", f"echo >> {asked}\nexec sleep 9")
    found = diagnosed(tmp_path)
    assert asked.read_text() == "\n"
    assert (found["gpus"].status, found["memory"].status) == ("warn", "warn")


@pytest.mark.parametrize(
    ("visible", "status"), [(None, "ok"), ("0,1", "ok"), ("1", "fail"), ("7", "fail"), ("MIG-1", "fail")]
)
def test_the_cards_that_a_worker_would_see_are_judged_and_no_others(
    asked: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, status: str
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.check_gpus(load_pairs()[PAIR])[0].status == status


@pytest.mark.usefixtures("asked")
def test_without_a_pair_one_gpu_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert gpus.check_gpus(None)[0].status == "ok"


@pytest.mark.usefixtures("bare", "asked")
@pytest.mark.parametrize("is_serving", [True, False])
def test_the_rings_and_the_memory_of_the_pair_that_is_up_do_not_count_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_serving: bool
) -> None:
    monkeypatch.setattr(processes.shutil, "disk_usage", lambda _: SimpleNamespace(free=64 << 20))
    assert diagnosed(tmp_path)["shared memory"].status == "fail"
    up = RunningUp(
        pid=1,
        born=None,
        since="now",
        serving=is_serving,
        pair=PAIR,
        slots=1,
        api_url="http://127.0.0.1:1",
        database_url="postgresql://nobody@127.0.0.1:1/none",
        broker_url="redis://127.0.0.1:1",
        data_dir=str(tmp_path),
    )
    monkeypatch.setattr(deployment, "find_running", lambda _: up)
    found = diagnosed(tmp_path)
    assert "shared memory" not in found
    assert found["memory"].status == "ok"


def test_a_driver_that_cannot_run_the_pair_is_refused_before_anything_starts(asked: Path) -> None:
    with pytest.raises(InputError, match=naming("driver: 570.172.08", "580")):
        refuse_what_cannot_run(PAIR, load_pairs()[PAIR])


def test_an_nvidia_smi_that_fails_is_a_warning_and_a_missing_one_an_error_without_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nvidia_smi(tmp_path, "exit 9")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus, "GPU_DEVICES", (str(tmp_path / "nvidiactl"),))
    pair = load_pairs()[PAIR]
    assert [each.status for each in gpus.check_gpus(pair)] == ["warn"]
    assert gpus.check_free_gpus(pair) == []
    (tmp_path / "nvidia-smi").unlink()
    gpus.answer_once.cache_clear()
    assert [each.status for each in preflight.check_gpus(pair)] == ["fail"]
    (tmp_path / "nvidiactl").touch()
    assert [each.status for each in gpus.check_gpus(pair)] == ["warn"]
