"""The judgement of `specreason doctor` on the CPU, the memory and the GPUs of a machine."""

from __future__ import annotations

import pytest

from specreason.cli.checks.machine import GIB, judge_cpu, judge_gpus, judge_memory

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
