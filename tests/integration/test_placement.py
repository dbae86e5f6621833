"""Where a pair's engines find room: shapes from the models' files, cards from the driver, memory from the system."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from specreason.engines.machine import gpus, placement
from specreason.engines.machine import memory as machine_memory
from specreason.engines.machine.placement import place, shapes_of
from specreason.engines.machine.platform import Device
from specreason.errors import DoesNotFit, EngineDead, InputError
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs
from specreason.planning.cards import parse_cards
from specreason.planning.memory import CPU_SLOTS, plan_memory
from specreason.planning.needs import GIB
from specreason.planning.shapes import known_shape
from tests.support.gpus import gpu_line, write_nvidia_smi
from tests.support.messages import naming
from tests.support.planning import QWQ, R1_SMALL, gpu_pair, shapes_in, with_kv, with_models

PAPER = gpu_pair(QWQ, R1_SMALL, sizes=(2, 1))


@pytest.fixture(autouse=True)
def _no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of the hub is on this machine."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`cards(used, used, …)` makes nvidia-smi show A6000s with so many MiB in use, of `total` each."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def show(*used: int | str, total: int | str = 49140) -> None:
        lines = (gpu_line(index, used=mib, total=total) for index, mib in enumerate(used))
        write_nvidia_smi(tmp_path / "bin", f'printf "{"".join(lines)}"')

    return show


def in_folder(folder: Path, config: dict[str, Any], **fields: Any) -> PairConfig:
    """A pair of two models that are the same folder with this config.json."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"\0" * (1 << 20))
    return gpu_pair(str(folder), str(folder), **{"max_model_len": 2048, **fields})


def test_a_model_that_is_here_has_the_shape_of_its_own_file_and_another_one_the_published_shape(
    tmp_path: Path,
) -> None:
    demo = load_pairs()["demo"]
    base = json.loads((Path(demo.base.model) / "config.json").read_text())
    assert shapes_of(demo)["base"].layers == base["num_hidden_layers"]
    assert shapes_of(PAPER)["base"] == known_shape(QWQ)
    smaller = in_folder(tmp_path / "m", base | {"num_hidden_layers": 2})
    assert shapes_of(smaller)["drafter"].layers == 2


def test_a_model_of_the_hub_has_the_shape_of_the_file_in_its_cache(tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--nobody--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("c0ffee")
    (repo / "snapshots" / "c0ffee").mkdir(parents=True)
    demo = Path(load_pairs()["demo"].base.model) / "config.json"
    (repo / "snapshots" / "c0ffee" / "config.json").write_text(demo.read_text())
    assert shapes_of(gpu_pair("nobody/model", R1_SMALL))["base"].vocab == 392


@pytest.mark.parametrize("name", ["nobody/model", "models/qwq/base"])
def test_a_model_that_is_neither_here_nor_known_is_named(name: str) -> None:
    with pytest.raises(InputError, match=naming("drafter", name, "config.json")):
        shapes_of(gpu_pair(QWQ, name))


def test_on_gpus_the_engines_get_the_plan_for_the_cards_that_the_driver_shows(cards: Any) -> None:
    cards(0, 0)
    found, plan = place(PAPER, Device.GPU), plan_memory(PAPER, shapes_in(PAPER), parse_cards("a6000x2"))
    assert found.shares == {"base": plan.base, "drafter": plan.drafter}
    assert found.slots == plan.slots


def test_cards_that_others_use_are_a_failure_that_may_pass_and_too_small_ones_are_not(cards: Any) -> None:
    cards(0, 30_000)
    with pytest.raises(EngineDead, match=naming("29.3 in use", "other processes")):
        place(PAPER, Device.GPU)
    cards(0)
    with pytest.raises(DoesNotFit, match=naming("2 cards")):
        place(PAPER, Device.GPU)


def test_a_worker_plans_for_the_cards_that_it_is_given(cards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cards(30_000, 0, 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert place(PAPER, Device.GPU).slots > 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(DoesNotFit, match=naming("2 cards")):
        place(PAPER, Device.GPU)


def test_a_card_with_ecc_is_not_planned_beyond_what_it_has(cards: Any) -> None:
    cards(0, 0, total=46_068)
    shares = place(PAPER, Device.GPU).shares
    assert shares["base"].total_gib + shares["drafter"].total_gib < 46_068 / 1024 - 0.46


@pytest.mark.parametrize("tells", ["nothing", "no memory"])
def test_where_the_memory_is_not_known_only_a_pair_that_names_both_caches_starts(
    tmp_path: Path, cards: Any, monkeypatch: pytest.MonkeyPatch, tells: str
) -> None:
    if tells == "nothing":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        cards("[N/A]", "[N/A]", total="[N/A]")
    with pytest.raises(InputError, match=naming("nvidia-smi", "kv_cache_memory_bytes")):
        place(PAPER, Device.GPU)
    found = place(with_kv(PAPER, base=6 * GIB, drafter=GIB), Device.GPU)
    assert (found.shares, found.slots) == ({}, CPU_SLOTS)


@pytest.mark.parametrize("script", ["echo the driver is away; exit 9", "sleep 9"])
def test_an_nvidia_smi_that_fails_or_hangs_is_a_failure_that_may_pass(
    tmp_path: Path, cards: Any, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(gpus, "PATIENCE_S", 0.3)
    write_nvidia_smi(tmp_path / "bin", f"exec {script}" if script.startswith("sleep") else script)
    with pytest.raises(EngineDead, match="nvidia-smi"):
        place(PAPER, Device.GPU)


def test_a_model_of_no_known_family_gets_its_share_by_its_size_if_its_cache_has_one(
    tmp_path: Path, cards: Any
) -> None:
    cards(0)
    pair = in_folder(tmp_path / "m", {"model_type": "mixtral"})
    with pytest.raises(InputError, match=naming("mixtral", "kv_cache_memory_bytes")):
        place(pair, Device.GPU)
    shares = place(with_kv(pair, base=6 * GIB, drafter=GIB), Device.GPU).shares
    assert shares["base"].kv_cache_memory_bytes == 6 * GIB
    assert shares["base"].gpu_memory_utilization == pytest.approx((6 + 3.5) / 47.53, abs=0.002)
    with pytest.raises(DoesNotFit, match=naming("a6000", "missing")):
        place(with_kv(pair, base=40 * GIB, drafter=10 * GIB), Device.GPU)


def test_a_plan_by_size_counts_others_memory_the_second_drafter_and_the_cards(
    tmp_path: Path, cards: Any
) -> None:
    pair = with_kv(in_folder(tmp_path / "m", {"model_type": "mixtral"}), base=30 * GIB, drafter=5 * GIB)
    cards(0)
    place(pair, Device.GPU)
    cards(20_000)
    with pytest.raises(EngineDead, match=naming("19.5 in use", "other processes")):
        place(pair, Device.GPU)
    cards(0)
    speculating = pair.model_copy(update={"speculation": SpeculationConfig()})
    both = place(speculating, Device.GPU).shares["base"]
    assert both.weights_gib == pytest.approx(2 / 1024)
    assert both.fixed_gib > place(pair, Device.GPU).shares["base"].fixed_gib
    with pytest.raises(DoesNotFit, match=naming("2 cards")):
        place(with_models(pair, base={"tensor_parallel_size": 2}), Device.GPU)


def test_on_the_cpu_a_pair_that_names_its_caches_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "free_memory", lambda: 0)
    found = place(load_pairs()["demo"], Device.CPU)
    assert (found.shares, found.slots) == ({}, CPU_SLOTS)


def test_on_the_cpu_the_plan_goes_by_the_memory_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = load_pairs()["demo"]
    base = json.loads((Path(demo.base.model) / "config.json").read_text())
    pair = in_folder(tmp_path / "m", base)
    assert machine_memory.free_memory() != 0
    monkeypatch.setattr(placement, "free_memory", lambda: 64 * GIB)
    shares = place(pair, Device.CPU).shares
    assert shares["base"].kv_cache_memory_bytes == shares["drafter"].kv_cache_memory_bytes > 1 << 20
    monkeypatch.setattr(placement, "free_memory", lambda: GIB)
    with pytest.raises(DoesNotFit, match=naming("1.0 GiB are free")):
        place(pair, Device.CPU)
    monkeypatch.setattr(placement, "free_memory", lambda: None)
    with pytest.raises(InputError, match="kv_cache_memory_bytes"):
        place(pair, Device.CPU)
