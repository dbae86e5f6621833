"""What a pair needs of the machine, and how it shares it, decided without loading anything."""

from __future__ import annotations

import os

import pytest

from specreason.engines import platform
from specreason.engines.cores import available_cores, cores_of_ranks, split_cores
from specreason.engines.platform import Device, check_cpu_flags, set_defaults
from specreason.errors import InputError


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
    monkeypatch.setattr(platform, "use_own_folder", lambda: None)
    set_defaults(device, speculates=speculates)
    assert os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == runner
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "1"
    set_defaults(device, speculates=speculates)
    assert os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "1"
