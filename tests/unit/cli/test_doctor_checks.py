"""What `specreason doctor` makes of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.cli.checks import machine
from specreason.cli.checks.machine import GIB, check_files, judge_cpu, judge_gpus, judge_memory
from tests.support.messages import names

MEMINFO = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n"


@pytest.mark.parametrize(
    ("flags", "status"),
    [("fpu sse2", "fail"), ("fpu avx2 fma", "warn"), ("avx2 avx512f", "ok"), ("avx2 avx512f amx_bf16", "ok")],
)
def test_a_cpu_is_judged_by_what_its_kernels_need(flags: str, status: str) -> None:
    finding = judge_cpu(f"processor : 0\nflags\t\t: {flags}\n", 4)
    assert finding.status == status
    assert bool(finding.remedy) == (status != "ok")


@pytest.mark.parametrize(
    ("needed_gib", "limit", "used", "status"),
    [
        (7, None, None, "ok"),
        (9, None, None, "fail"),
        (7, "max\n", "1\n", "ok"),
        (7, f"{10 * GIB}\n", f"{4 * GIB}\n", "fail"),
        (5, f"{10 * GIB}\n", f"{4 * GIB}\n", "ok"),
    ],
)
def test_a_containers_limit_counts_where_it_is_the_smaller(
    needed_gib: int, limit: str | None, used: str | None, status: str
) -> None:
    assert judge_memory(needed_gib * GIB, MEMINFO, limit=limit, used=used).status == status


def test_a_system_that_does_not_say_what_is_free_is_no_failure() -> None:
    assert judge_memory(GIB, "", limit=None, used=None).status == "warn"


@pytest.mark.parametrize(
    ("shown", "needed", "status", "says"),
    [
        ("NVIDIA H100, 81559\n", 1, "ok", "NVIDIA H100 (80 GiB)"),
        ("NVIDIA GB10, [N/A]\n", 1, "ok", "NVIDIA GB10"),
        ("NVIDIA GB10, [Not Supported]\n", 2, "fail", "NVIDIA GB10"),
        ("No devices were found\n", 1, "ok", "No devices were found"),
        ("", 1, "fail", "none"),
    ],
)
def test_a_card_that_names_no_memory_is_one_all_the_same(
    shown: str, needed: int, status: str, says: str
) -> None:
    finding = judge_gpus(needed, shown)
    assert (finding.status, finding.found) == (status, says)


def test_a_folder_for_files_that_the_api_can_make_is_fine(tmp_path: Path) -> None:
    assert check_files(tmp_path).status == "ok"
    assert check_files(tmp_path / "not" / "yet").status == "ok"


def test_a_folder_for_files_that_nobody_can_write_to_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    finding = check_files(tmp_path / "file" / "below")
    assert finding.status == "fail"
    assert names(finding.found, tmp_path / "file")
    monkeypatch.setattr(machine.os, "access", lambda path, mode: False)  # who runs this may be root
    finding = check_files(tmp_path)
    assert finding.status == "fail"
    assert names(finding.found, tmp_path)
    assert "SPECREASON_FILES_DIR" in finding.remedy
    assert names(check_files(tmp_path / "files").found, tmp_path)


def test_a_folder_for_files_with_little_room_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ENOUGH_DISK_BYTES", 1 << 60)
    assert check_files(tmp_path).status == "warn"
