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
from specreason.errors import InputError
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs
from specreason.planning.memory import EngineShare
from tests.support.messages import naming
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


def with_base(**changes: Any) -> PairConfig:
    """The pair with other keys of its base."""
    return PAIR.model_copy(update={"base": PAIR.base.model_copy(update=changes)})


@pytest.fixture
def vllm_setup(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module over stand-ins; its `engine_config` returns the arguments themselves."""
    stand_ins: dict[str, dict[str, Any]] = {
        "vllm.config": {"VllmConfig": object},
        "vllm.engine.arg_utils": {
            "AsyncEngineArgs": lambda **args: SimpleNamespace(create_engine_config=lambda: args)
        },
    }
    for name, attributes in stand_ins.items():
        stand_in = ModuleType(name)
        vars(stand_in).update(attributes)
        monkeypatch.setitem(sys.modules, name, stand_in)
    spec = importlib.util.find_spec("specreason.engines.vllm.setup")
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


def test_a_float32_head_is_asked_for_where_the_pair_says_so_beside_other_overrides(
    vllm_setup: ModuleType,
) -> None:
    pair = with_base(engine_args={"hf_overrides": {"rope_theta": 2}}, head_dtype="float32")
    drafter, base = (vllm_setup.engine_config(role, pair, cores=None) for role in Role)
    assert base["hf_overrides"] == {"rope_theta": 2, "head_dtype": "float32"}
    assert "hf_overrides" not in drafter


def test_a_draft_model_inside_the_bases_engine_is_as_parallel_as_the_base(vllm_setup: ModuleType) -> None:
    pair: PairConfig = PAIR.model_copy(update={"speculation": SpeculationConfig()})
    speculation = vllm_setup.engine_config(Role.BASE, pair, cores=None)["speculative_config"]
    assert (speculation["model"], speculation["draft_tensor_parallel_size"]) == (pair.drafter.model, 4)
    assert vllm_setup.engine_config(Role.DRAFTER, pair, cores=None)["speculative_config"] is None


def test_a_kv_cache_that_is_left_to_a_plan_needs_one(vllm_setup: ModuleType) -> None:
    pair = with_base(kv_cache_memory_bytes="auto")
    with pytest.raises(InputError, match=naming("base.kv_cache_memory_bytes", "auto")):
        vllm_setup.engine_config(Role.BASE, pair, cores=None)
    assert vllm_setup.engine_config(Role.BASE, pair, cores=None, share=SHARE)["kv_cache_memory_bytes"]


def test_a_folder_with_the_tokenizer_takes_the_place_of_the_models(vllm_setup: ModuleType) -> None:
    args = vllm_setup.engine_config(Role.BASE, PAIR, cores=None, tokenizer_folder=Path("/tokenizer"))
    assert args["tokenizer"] == "/tokenizer"
    assert "tokenizer" not in vllm_setup.engine_config(Role.BASE, PAIR, cores=None)


def test_engine_args_of_a_model_reach_its_engine_beside_what_the_pair_names_and_no_other(
    vllm_setup: ModuleType,
) -> None:
    given = {"quantization": "fp8", "compilation_config": {"level": 3}}
    pair = with_base(engine_args=given)
    args = vllm_setup.engine_config(Role.BASE, pair, cores=None)
    assert {key: args[key] for key in given} == given
    assert not given.keys() & vllm_setup.engine_config(Role.DRAFTER, pair, cores=None).keys()


def test_on_the_cpu_a_step_holds_the_longest_prompt_whole(vllm_setup: ModuleType) -> None:
    args = vllm_setup.engine_config(Role.BASE, PAIR, cores=[0, 1])
    assert (args["enable_chunked_prefill"], args["max_num_batched_tokens"]) == (False, 16384)
    assert "enable_chunked_prefill" not in vllm_setup.engine_config(Role.BASE, PAIR, cores=None)


def test_on_a_gpu_vllm_gets_the_bytes_and_the_part_of_the_card_that_the_plan_gives(
    vllm_setup: ModuleType,
) -> None:
    args = vllm_setup.engine_config(Role.BASE, PAIR, cores=None, share=SHARE)
    assert (args["kv_cache_memory_bytes"], args["gpu_memory_utilization"]) == (26 << 30, 0.782)


def test_on_a_gpu_without_a_plan_vllm_asks_for_no_part_that_the_other_engine_may_have(
    vllm_setup: ModuleType,
) -> None:
    parts = [vllm_setup.engine_config(role, PAIR, cores=None)["gpu_memory_utilization"] for role in Role]
    assert 0 < sum(parts) < 0.1


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
