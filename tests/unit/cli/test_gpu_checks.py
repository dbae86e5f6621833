"""The judgement of `specreason doctor` on GPUs, their driver, and what vLLM's processes need, from recorded outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.cli.checks.gpus import judge_driver, judge_gpus, judge_use
from specreason.cli.checks.processes import (
    MIB,
    cores_needed,
    judge_compiler,
    judge_cores,
    judge_shared_memory,
    parse_quota,
    shared_memory_needed,
)
from specreason.engines.machine.gpus import parse_gpus
from specreason.pairs import ModelConfig, PairConfig
from tests.support.gpus import A6000S, GB10, NO_CARD, SILENT, T4_AND_H100, gpu_line
from tests.support.messages import names


def a_pair(base: int, drafter: int) -> PairConfig:
    return PairConfig(
        base=ModelConfig(model="b", max_model_len=64, tensor_parallel_size=base),
        drafter=ModelConfig(model="d", max_model_len=64, tensor_parallel_size=drafter),
    )


@pytest.mark.parametrize(
    ("shown", "needed", "status", "says"),
    [
        (A6000S, 2, "ok", ("NVIDIA RTX A6000 (48 GiB)",)),
        (A6000S, 4, "fail", ("NVIDIA RTX A6000 (48 GiB)",)),
        (GB10, 1, "ok", ("NVIDIA GB10",)),
        (SILENT, 1, "ok", ("NVIDIA H100 80GB HBM3 (80 GiB)",)),
        (T4_AND_H100, 1, "warn", ("GPU 0", "7.5")),
        (T4_AND_H100, 2, "fail", ("GPU 0", "7.5")),
        (NO_CARD, 1, "fail", ("none",)),
        ("", 1, "fail", ("none",)),
    ],
)
def test_as_many_cards_as_the_pair_needs_must_be_new_enough(
    shown: str, needed: int, status: str, says: tuple[str, ...]
) -> None:
    finding = judge_gpus(needed, parse_gpus(shown))
    assert (finding.status, names(finding.found, *says)) == (status, True)
    assert bool(finding.remedy) == (status != "ok")


def test_the_remedy_names_how_many_gpus_the_pair_is_written_for() -> None:
    assert names(judge_gpus(4, parse_gpus(A6000S)).remedy, "4 GPUs", "tensor_parallel_size")


def test_cards_that_a_variable_has_chosen_are_told_with_it() -> None:
    finding = judge_gpus(2, parse_gpus(gpu_line(1)), visible="1")
    assert (finding.status, names(finding.found, "CUDA_VISIBLE_DEVICES", "'1'")) == ("fail", True)


@pytest.mark.parametrize(
    ("version", "status"),
    [("580.65.06", "ok"), ("590.10", "ok"), ("575.57.08", "fail"), ("570.172.08", "fail"), ("[N/A]", "warn")],
)
def test_a_driver_older_than_cuda_13_is_refused(version: str, status: str) -> None:
    (finding,) = judge_driver(parse_gpus(gpu_line(name="NVIDIA L4", driver=version)), has_compatibility=False)
    assert (finding.name, finding.status) == ("driver", status)
    assert ("580" in finding.remedy) == (status != "ok")


def test_an_old_driver_with_the_compatibility_package_is_not_refused() -> None:
    (finding,) = judge_driver(parse_gpus(T4_AND_H100), has_compatibility=True)
    assert (finding.status, names(finding.found, "535.183.01")) == ("warn", True)


def test_without_a_card_nothing_is_said_of_the_driver_and_of_use() -> None:
    assert not list(judge_driver([], has_compatibility=False))
    assert judge_use(1, []) == []


@pytest.mark.parametrize(("needed", "status"), [(1, "ok"), (2, "warn")])
def test_memory_in_use_by_others_is_told_with_the_cards_that_are_free(needed: int, status: str) -> None:
    (finding,) = judge_use(needed, parse_gpus(A6000S))
    assert (finding.status, names(finding.found, "free: 0", "GPU 1", "20.8 GiB")) == (status, True)


def test_a_card_that_does_not_tell_its_memory_is_not_said_to_be_free() -> None:
    assert judge_use(1, parse_gpus(GB10)) == []


def test_a_pair_uses_as_many_gpus_as_its_wider_engine() -> None:
    assert [a_pair(*sizes).num_devices for sizes in ((1, 1), (2, 1), (1, 4))] == [1, 2, 4]


@pytest.mark.parametrize(
    ("base", "drafter", "mib", "cores"), [(1, 1, 0, 6), (2, 1, 640, 7), (2, 2, 1280, 8), (4, 4, 2240, 12)]
)
def test_each_rank_adds_to_shared_memory_and_cores(base: int, drafter: int, mib: int, cores: int) -> None:
    pair = a_pair(base, drafter)
    assert (shared_memory_needed(pair), cores_needed(pair)) == (mib * MIB, cores)


def test_the_shared_memory_of_a_plain_container_is_too_small_for_two_ranks() -> None:
    finding = judge_shared_memory(640 * MIB, 64 * MIB)
    assert (finding.status, names(finding.found, "/dev/shm", 64, 640)) == ("fail", True)
    assert names(finding.remedy, "shm_size", "Kubernetes")
    assert judge_shared_memory(640 * MIB, 10_240 * MIB).status == "ok"


def test_too_few_cores_are_a_warning() -> None:
    assert judge_cores(8, 8).status == "ok"
    finding = judge_cores(8, 4)
    assert (finding.status, names(finding.found, "4 cores", 8)) == ("warn", True)


@pytest.mark.parametrize(
    ("shown", "cores"), [("max 100000\n", None), ("200000 100000\n", 2), ("150000 100000\n", 2), ("", None)]
)
def test_a_containers_quota_counts_in_cores(shown: str, cores: int | None) -> None:
    assert parse_quota(shown) == cores


def test_triton_needs_a_compiler_and_pythons_headers() -> None:
    include = Path("/usr/include/python3.11")
    assert judge_compiler("/usr/bin/gcc", include, has_headers=True).status == "ok"
    without = judge_compiler("/usr/bin/gcc", include, has_headers=False)
    assert (without.status, names(without.found, "Python.h", include)) == ("fail", True)
    missing = judge_compiler(None, include, has_headers=True)
    assert (missing.status, names(missing.remedy, "gcc", "CC")) == ("fail", True)
