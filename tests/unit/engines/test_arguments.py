"""What of a pair's configuration reaches vLLM: its argument class is replaced, so vLLM is not imported here."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from specreason.engines.base import Role
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs
from specreason.planning.memory import EngineShare
from tests.support.planning import with_kv

PAIR = with_kv(load_pairs()["r1-70b_r1-1_5b"], base=20 << 30, drafter=2 << 30)


SHARE = EngineShare(
    tensor_parallel_size=4,
    weights_gib=32.9,
    fixed_gib=2.1,
    kv_gib=26.9,
    kv_cache_memory_bytes=26 << 30,
    gpu_memory_utilization=0.782,
)


def a_namespace(**args: Any) -> SimpleNamespace:
    """Arguments that can be set later; as a configuration they are a dict of what was set."""
    namespace = SimpleNamespace(**args)
    namespace.create_engine_config = lambda: vars(namespace)
    return namespace


@pytest.fixture
def vllm_setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module over stand-ins; its `engine_config` returns the arguments themselves."""
    stand_ins: dict[str, dict[str, Any]] = {
        "torch": {},
        "vllm.config": {"VllmConfig": object},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": a_namespace},
        "vllm.v1.executor.uniproc_executor": {"UniProcExecutor": object},
    }
    for name, attributes in stand_ins.items():
        stand_in = ModuleType(name)
        vars(stand_in).update(attributes)
        monkeypatch.setitem(sys.modules, name, stand_in)
    spec = importlib.util.find_spec("specreason.engines.vllm_setup")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("role", Role)
def test_tensor_parallel_size_and_the_kv_split_reach_vllm_as_they_are_configured(
    vllm_setup: ModuleType, role: Role
) -> None:
    model = PAIR.model(role)
    args = vllm_setup.engine_config(role, PAIR, cores=None)
    assert (args["model"], args["tensor_parallel_size"]) == (model.model, model.tensor_parallel_size)
    assert args["kv_cache_memory_bytes"] == model.kv_cache_memory_bytes
    assert args["max_model_len"] == model.max_model_len


def test_a_draft_model_inside_the_bases_engine_is_as_parallel_as_the_base(vllm_setup: ModuleType) -> None:
    pair: PairConfig = PAIR.model_copy(update={"speculation": SpeculationConfig()})
    speculation = vllm_setup.engine_config(Role.BASE, pair, cores=None)["speculative_config"]
    assert (speculation["model"], speculation["draft_tensor_parallel_size"]) == (pair.drafter.model, 4)
    assert vllm_setup.engine_config(Role.DRAFTER, pair, cores=None)["speculative_config"] is None


def test_on_a_gpu_vllm_gets_the_bytes_and_the_part_of_the_card_that_the_plan_gives(
    vllm_setup: ModuleType,
) -> None:
    args = vllm_setup.engine_config(Role.BASE, PAIR, cores=None, share=SHARE)
    assert (args["kv_cache_memory_bytes"], args["gpu_memory_utilization"]) == (26 << 30, 0.782)


def test_on_the_cpu_vllm_gets_the_bytes_of_the_plan_and_no_part(vllm_setup: ModuleType) -> None:
    share = replace(SHARE, gpu_memory_utilization=None)
    args = vllm_setup.engine_config(Role.DRAFTER, PAIR, cores=[0], share=share)
    assert args["kv_cache_memory_bytes"] == 26 << 30
    assert "gpu_memory_utilization" not in args


def test_a_padded_copy_is_the_draft_model_in_place_of_the_drafter_and_has_no_revision(
    vllm_setup: ModuleType,
) -> None:
    drafter = PAIR.drafter.model_copy(update={"revision": "main"})
    pair: PairConfig = PAIR.model_copy(update={"speculation": SpeculationConfig(), "drafter": drafter})

    def draft_model(role: Role, copy: Path | None) -> tuple[str, str | None] | None:
        speculation = vllm_setup.engine_config(role, pair, cores=None, draft_model=copy)["speculative_config"]
        return speculation and (speculation["model"], speculation["revision"])

    assert draft_model(Role.BASE, None) == (drafter.model, "main")
    assert draft_model(Role.BASE, Path("/copies/one")) == ("/copies/one", None)
    assert draft_model(Role.DRAFTER, Path("/copies/one")) is None
