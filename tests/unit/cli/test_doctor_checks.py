"""The judgement of `specreason doctor` on the CPU, the memory and the workers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from specreason.cli.checks.machine import judge_cpu
from specreason.cli.checks.memory import judge_gpu_memory, judge_memory
from specreason.cli.checks.workers import judge_workers
from specreason.engines.machine.gpus import parse_gpus
from specreason.planning.needs import GIB
from specreason.store.read.load import Load
from specreason.store.read.workers import WorkerSummary
from tests.support.gpus import GB10, gpu_line
from tests.support.messages import names
from tests.support.planning import QWQ, R1_SMALL, gpu_pair, shapes_in, with_kv

PAIR = gpu_pair(QWQ, R1_SMALL, sizes=(2, 1))
A6000 = gpu_line()
T4 = gpu_line(1, "Tesla T4", capability="7.5", total=15360)


@pytest.mark.parametrize(
    ("flags", "status"),
    [("fpu sse2", "fail"), ("fpu avx2 fma", "warn"), ("avx2 avx512f", "ok"), ("avx2 avx512f amx_bf16", "ok")],
)
def test_a_cpu_is_judged_by_what_its_kernels_need(flags: str, status: str) -> None:
    finding = judge_cpu(f"processor : 0\nflags\t\t: {flags}\n", 4)
    assert finding.status == status
    assert bool(finding.remedy) == (status != "ok")


@pytest.mark.parametrize(("needed_gib", "status"), [(7, "ok"), (9, "fail"), (20, "fail")])
def test_a_pair_that_needs_more_than_is_free_is_told_whether_freeing_some_could_help(
    needed_gib: int, status: str
) -> None:
    finding = judge_memory(needed_gib * GIB, 8 * GIB, total=16 * GIB)
    assert (finding.status, names(finding.found, f"{needed_gib}.0 GiB", "8.0 GiB")) == (status, True)
    assert ("free some" in finding.remedy) == (needed_gib == 9)


def test_a_system_that_does_not_say_what_is_free_is_no_failure() -> None:
    assert judge_memory(GIB, None, total=None).status == "warn"


@pytest.mark.parametrize(
    ("shown", "status", "says"),
    [
        (A6000 * 2, "ok", ("56,080 tokens", "11 slots", "39.4 GiB for the base")),
        (A6000 + T4, "fail", ("Tesla T4", "GiB are missing")),
        (A6000, "fail", ("2 cards", "1 x a6000", "on 2 x a6000")),
        (GB10 * 2, "fail", ("nvidia-smi does not tell",)),
        ("", "fail", ("nvidia-smi does not tell",)),
    ],
)
def test_the_memory_plan_decides_whether_the_pair_fits_the_smallest_card_that_it_uses(
    shown: str, status: str, says: tuple[str, ...]
) -> None:
    finding = judge_gpu_memory(PAIR, shapes_in(PAIR), parse_gpus(shown))
    assert (finding.status, names(finding.found, *says)) == (status, True)
    assert bool(finding.remedy) == (status != "ok")


@pytest.mark.parametrize("shown", [GB10 * 2, ""])
def test_where_the_memory_is_not_known_a_pair_that_names_both_caches_may_start(shown: str) -> None:
    pair = with_kv(PAIR, base=6 * GIB, drafter=GIB)
    assert judge_gpu_memory(pair, shapes_in(pair), parse_gpus(shown)).status == "warn"


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
