"""The judgement of `specreason doctor` on the CPU, the memory and the workers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from specreason.cli.checks.machine import judge_cpu
from specreason.cli.checks.memory import judge_gpu_memory, judge_memory
from specreason.cli.checks.workers import judge_workers
from specreason.engines.hub import GIB
from specreason.store.read.load import Load
from specreason.store.read.workers import WorkerSummary
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


def test_the_files_that_a_container_caches_leave_room_for_a_pair() -> None:
    stat = f"anon 7\nfile {3 * GIB}\ninactive_file {2 * GIB}\nactive_file {GIB}\nworkingset_refault_file 9\n"
    limit, used = str(10 * GIB), str(9 * GIB)
    assert judge_memory(4 * GIB, MEMINFO, limit=limit, used=used, stat=stat).status == "ok"
    assert judge_memory(5 * GIB, MEMINFO, limit=limit, used=used, stat=stat).status == "fail"


def test_a_system_that_does_not_say_what_is_free_is_no_failure() -> None:
    assert judge_memory(GIB, "", limit=None, used=None).status == "warn"


@pytest.mark.parametrize(
    ("shown", "needed_gib", "status"),
    [
        ("NVIDIA A40, 46068\nNVIDIA A40, 46068\n", 40, "ok"),
        ("NVIDIA A40, 46068\nNVIDIA T4, 15360\n", 40, "fail"),
        ("NVIDIA GB10, [N/A]\n", 40, "warn"),
        ("", 40, "warn"),
    ],
)
def test_the_smallest_card_decides_whether_the_pair_fits(shown: str, needed_gib: int, status: str) -> None:
    finding = judge_gpu_memory(needed_gib * GIB, shown)
    assert (finding.status, names(finding.found, f"{needed_gib}.0 GiB")) == (status, True)


def a_worker(pair: str, *, num_running: int) -> WorkerSummary:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return WorkerSummary(
        worker_id=UUID(int=1),
        pair=pair,
        pair_fingerprint="f",
        host="here",
        pid=7,
        gpu=None,
        alive=True,
        slots=16,
        num_running=num_running,
        num_attempts=0,
        num_lost=0,
        started_at=now,
        heartbeat_at=now,
        lease_expires_at=now,
        stopped_at=None,
    )


def test_the_workers_of_the_pair_are_named_with_their_slots() -> None:
    load = Load(
        workers=(a_worker("mine", num_running=3), a_worker("mine", num_running=2)),
        num_queued=0,
        num_running=5,
    )
    finding = judge_workers(load.workers, "mine", is_loading=False)
    assert finding.status == "ok"
    assert names(finding.found, 2, "'mine'", "here:7", 5, 32)


def test_a_pair_without_a_worker_is_warned_of_with_the_pairs_that_have_one() -> None:
    load = Load(workers=(a_worker("other", num_running=0),), num_queued=0, num_running=0)
    missing = judge_workers(load.workers, "mine", is_loading=False)
    assert (missing.status, names(missing.found, "'mine'", "other")) == ("warn", True)
    assert names(missing.remedy, "specreason worker --pair mine")
    loading = judge_workers(load.workers, "mine", is_loading=True)
    assert (loading.status, names(loading.remedy, "specreason up")) == ("warn", True)
