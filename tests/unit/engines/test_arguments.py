"""What of a pair's configuration reaches vLLM: its argument class is replaced, so vLLM is not imported here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from specreason.engines.base import Role
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs

PAIR = load_pairs()["r1-70b_r1-1_5b"]


class Arguments(SimpleNamespace):
    def create_engine_config(self) -> dict[str, Any]:
        return vars(self)


@pytest.fixture
def vllm_setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module over stand-ins; its `engine_config` returns the arguments themselves."""
    stand_ins: dict[str, dict[str, Any]] = {
        "vllm.config": {"VllmConfig": object},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": Arguments},
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


def test_a_draft_model_inside_the_bases_engine_is_as_parallel_as_the_base(vllm_setup: ModuleType) -> None:
    pair: PairConfig = PAIR.model_copy(update={"speculation": SpeculationConfig()})
    speculation = vllm_setup.engine_config(Role.BASE, pair, cores=None)["speculative_config"]
    assert (speculation["model"], speculation["draft_tensor_parallel_size"]) == (pair.drafter.model, 4)
    assert vllm_setup.engine_config(Role.DRAFTER, pair, cores=None)["speculative_config"] is None


@pytest.mark.parametrize(
    ("ranks", "executor", "cores"), [(1, "OneRank", [[0, 1, 2, 3]]), (2, "ManyRanks", [[0, 1], [2, 3]])]
)
def test_on_the_cpu_a_model_runs_in_the_engines_process_or_in_one_process_for_each_rank(
    vllm_setup: ModuleType, ranks: int, executor: str, cores: list[list[int]]
) -> None:
    pair = PAIR.model_copy(update={"base": PAIR.base.model_copy(update={"tensor_parallel_size": ranks})})
    args = vllm_setup.engine_config(Role.BASE, pair, cores=[0, 1, 2, 3])
    assert args["distributed_executor_backend"].endswith(f".{executor}")
    assert args["additional_config"]["specreason"] == {"cores": cores, "ranks": ranks}
    assert args["enable_chunked_prefill"] is False


def test_on_gpus_vllm_chooses_how_to_run_the_ranks(vllm_setup: ModuleType) -> None:
    args = vllm_setup.engine_config(Role.BASE, PAIR, cores=None)
    assert "distributed_executor_backend" not in args
    assert args["additional_config"]["specreason"] == {"cores": None, "ranks": 4}


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
