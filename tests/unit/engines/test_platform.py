"""What a pair needs of the machine, and how it shares it, decided without loading anything."""

from __future__ import annotations

import os

import pytest

from specreason.engines import platform
from specreason.engines.cores import available_cores, split_cores
from specreason.engines.hub import GIB
from specreason.engines.machine_memory import free_bytes
from specreason.engines.platform import Device, check_cpu_flags, set_defaults
from specreason.errors import InputError

MEMINFO = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n"


@pytest.mark.parametrize(
    ("num_cores", "drafter", "base"),
    [
        (1, [0], [0]),
        (2, [0], [1]),
        (3, [0], [1, 2]),
        (8, [0], [1, 2, 3, 4, 5, 6]),
        (17, [0, 1, 2, 3], list(range(4, 16))),
    ],
)
def test_the_engines_of_a_pair_compute_on_cores_of_their_own(num_cores, drafter, base):
    assert split_cores(list(range(num_cores))) == (drafter, base)


def test_there_is_a_core_to_compute_on():
    assert available_cores()


@pytest.mark.parametrize(
    ("limit", "used", "free_gib"),
    [
        (None, None, 8),
        ("max\n", "1\n", 8),
        (f"{10 * GIB}\n", f"{4 * GIB}\n", 6),
        (f"{20 * GIB}\n", f"{4 * GIB}\n", 8),
    ],
)
def test_a_containers_limit_counts_where_it_is_the_smaller(
    limit: str | None, used: str | None, free_gib: int
) -> None:
    assert free_bytes(MEMINFO, limit=limit, used=used, stat="") == free_gib * GIB


def test_the_files_that_a_container_caches_are_free_for_a_pair() -> None:
    stat = f"anon 7\nfile {3 * GIB}\ninactive_file {2 * GIB}\nactive_file {GIB}\nworkingset_refault_file 9\n"
    assert free_bytes(MEMINFO, limit=str(10 * GIB), used=str(9 * GIB), stat=stat) == 4 * GIB


def test_a_system_that_does_not_say_what_is_free_leaves_it_unknown() -> None:
    assert free_bytes("", limit=None, used=None, stat="") is None


def test_a_cpu_without_the_needed_instructions_is_refused_by_name():
    with pytest.raises(InputError, match="avx2, f16c"):
        check_cpu_flags("processor : 0\nflags\t\t: fpu sse2 fma\n")


def test_a_cpu_with_them_is_accepted():
    check_cpu_flags("flags\t\t: fpu avx2 fma f16c avx512f\n")


@pytest.mark.parametrize(
    ("device", "speculates", "runner"),
    [(Device.GPU, True, "0"), (Device.GPU, False, None), (Device.CPU, True, None)],
)
def test_a_base_that_drafts_tokens_on_a_gpu_runs_where_vllm_has_graphs_for_draft_models(
    monkeypatch: pytest.MonkeyPatch, device: Device, speculates: bool, runner: str | None
) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(platform, "use_own_socket_folder", lambda: None)
    set_defaults(device, speculates=speculates)
    assert os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == runner
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "1"
    set_defaults(device, speculates=speculates)
    assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "1"
