"""What of a pair's configuration reaches vLLM: its argument class is replaced, so vLLM is not imported here."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from specreason.engines.base import Role
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs

PAIR = load_pairs()["r1-70b_r1-1_5b"]


@pytest.fixture
def vllm_setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module over stand-ins; its `engine_config` returns the arguments themselves."""
    stand_ins: dict[str, dict[str, Any]] = {
        "torch": {},
        "vllm.config": {"VllmConfig": object},
        "vllm.engine.arg_utils": {
            "AsyncEngineArgs": lambda **args: SimpleNamespace(**args, create_engine_config=lambda: args)
        },
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
    assert (args["model"], args["tensor_parallel_size"]) == (model.model, 4)
    assert args["kv_cache_memory_bytes"] == model.kv_cache_memory_bytes
    assert args["max_model_len"] == model.max_model_len


def test_a_float32_head_is_asked_for_where_the_pair_says_so(vllm_setup: ModuleType) -> None:
    base = PAIR.base.model_copy(update={"head_dtype": "float32"})
    precise = PAIR.model_copy(update={"base": base})
    overrides = {role: vllm_setup.engine_config(role, precise, cores=None)["hf_overrides"] for role in Role}
    assert overrides == {Role.BASE: {"head_dtype": "float32"}, Role.DRAFTER: {}}


def test_a_draft_model_inside_the_bases_engine_is_as_parallel_as_the_base(vllm_setup: ModuleType) -> None:
    pair: PairConfig = PAIR.model_copy(update={"speculation": SpeculationConfig()})
    speculation = vllm_setup.engine_config(Role.BASE, pair, cores=None)["speculative_config"]
    assert (speculation["model"], speculation["draft_tensor_parallel_size"]) == (pair.drafter.model, 4)
    assert vllm_setup.engine_config(Role.DRAFTER, pair, cores=None)["speculative_config"] is None
