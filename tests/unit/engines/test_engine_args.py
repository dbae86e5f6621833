"""What `engine_args` of a pair may pass to vLLM, without vLLM: `KNOWN` stands for the names of its arguments."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.engines.machine.platform import Device
from specreason.engines.vllm.engine_args import check_engine_args
from specreason.errors import InvalidField
from specreason.pairs import ModelConfig, PairConfig, load_pairs
from tests.support.messages import names

KNOWN = {"quantization", "kv_cache_dtype", "load_format", "hf_overrides", "max_num_batched_tokens", "seed"}


def pair_with(role: str, **engine_args: Any) -> PairConfig:
    plain = ModelConfig(model="nobody/model", max_model_len=512)
    models = {"base": plain, "drafter": plain}
    return PairConfig(**models | {role: plain.model_copy(update={"engine_args": engine_args})})


def refusal(role: str = "base", device: Device | None = Device.GPU, **engine_args: Any) -> InvalidField:
    with pytest.raises(InvalidField) as refused:
        check_engine_args("mine", pair_with(role, **engine_args), known=KNOWN, device=device)
    return refused.value


def test_what_vllm_knows_and_nobody_else_decides_is_passed_on() -> None:
    pair = pair_with(
        "base",
        quantization="fp8",
        load_format="dummy",
        max_num_batched_tokens=4096,
        hf_overrides={"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
    )
    check_engine_args("mine", pair, known=KNOWN, device=Device.GPU)


@pytest.mark.parametrize("role", ["base", "drafter"])
def test_a_misspelt_argument_is_named_with_its_pair_and_the_nearest_one(role: str) -> None:
    refused = refusal(role, quantisation="fp8")
    assert refused.field == f"mine.{role}.engine_args.quantisation"
    assert names(refused.reason, "quantization")


def test_where_vllm_is_not_installed_no_name_is_unknown_and_the_rest_still_holds() -> None:
    check_engine_args("mine", pair_with("base", quantisation="fp8"), known=())
    with pytest.raises(InvalidField):
        check_engine_args("mine", pair_with("base", seed=1), known=())


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        ("model", "model"),
        ("tensor_parallel_size", "tensor_parallel_size"),
        ("max_model_len", "max_model_len"),
        ("kv_cache_memory_bytes", "kv_cache_memory_bytes"),
        ("gpu_memory_utilization", "kv_cache_memory_bytes"),
        ("num_gpu_blocks_override", "kv_cache_memory_bytes"),
        ("speculative_config", "speculation"),
        ("device_ids", "--gpu"),
        ("hf_token", "HF_TOKEN"),
    ],
)
def test_what_has_a_place_of_its_own_is_refused_with_that_place(argument: str, key: str) -> None:
    assert names(refusal(**{argument: 1}).reason, key)


@pytest.mark.parametrize(
    "argument",
    [
        "enable_prefix_caching",
        "skip_tokenizer_init",
        "tokenizer",
        "max_logprobs",
        "logprobs_mode",
        "seed",
        "generation_config",
        "distributed_executor_backend",
        "pipeline_parallel_size",
        "data_parallel_size",
        "additional_config",
        "scheduler_cls",
        "trust_remote_code",
        "disable_log_stats",
        "max_num_queued_reqs",
    ],
)
def test_what_would_break_the_contract_of_an_engine_is_refused_with_the_reason(argument: str) -> None:
    refused = refusal(**{argument: 1})
    assert refused.field == f"mine.base.engine_args.{argument}"
    assert len(refused.reason.partition(": ")[2]) > 20


def test_the_type_of_the_logits_has_a_key_of_its_own() -> None:
    assert names(refusal(hf_overrides={"head_dtype": "float32"}).reason, "head_dtype")
    assert refusal(hf_overrides="a module").field.endswith(".hf_overrides")


def test_on_the_cpu_prompts_are_prefilled_whole() -> None:
    assert names(refusal(device=Device.CPU, max_num_batched_tokens=4096).reason, "CPU")


@pytest.mark.parametrize("name", load_pairs())
def test_the_packaged_pairs_ask_for_nothing_that_is_refused(name: str) -> None:
    check_engine_args(name, load_pairs()[name], known=())
