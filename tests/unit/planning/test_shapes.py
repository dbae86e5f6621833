"""Parameters, weights and KV cache of the models that people run, from the numbers of their config.json."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.errors import InputError
from specreason.planning.needs import GIB
from specreason.planning.shapes import ModelShape, known_generation_config, known_shape
from tests.support.messages import naming
from tests.support.planning import QWEN_32B, QWEN_SMALL, QWQ, R1_SMALL

LLAMA_70B = "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"
CONFIG: dict[str, Any] = {
    "model_type": "qwen2",
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 256,
    "vocab_size": 392,
    "torch_dtype": "bfloat16",
}


def known(model: str) -> ModelShape:
    shape = known_shape(model)
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("model", "parameters", "kv_kib"),
    [
        (QWQ, 32_763_876_352, 256),
        (R1_SMALL, 1_777_088_000, 28),
        (QWEN_32B, 32_762_123_264, 256),
        (QWEN_SMALL, 1_720_574_976, 112),
        (LLAMA_70B, 70_553_706_496, 320),
    ],
)
def test_the_parameters_and_the_kv_cache_of_a_token_are_those_of_the_published_model(
    model: str, parameters: int, kv_kib: int
) -> None:
    shape = known(model)
    assert shape.num_parameters == parameters
    assert shape.kv_bytes_per_token() == 1024 * kv_kib


@pytest.mark.parametrize(
    ("model", "whole_gib", "half_gib"),
    [(QWQ, 61.03, 30.51), (R1_SMALL, 3.31, 1.66), (QWEN_32B, 61.02, 30.51), (QWEN_SMALL, 3.20, 1.60)],
)
def test_the_weights_are_divided_among_the_devices(model: str, whole_gib: float, half_gib: float) -> None:
    shape = known(model)
    assert shape.weights_in_bytes() / GIB == pytest.approx(whole_gib, abs=0.006)
    assert shape.weights_in_bytes(2) / GIB == pytest.approx(half_gib, abs=0.006)


def test_with_more_devices_than_kv_heads_each_holds_one_head() -> None:
    shape = known(R1_SMALL)
    assert shape.kv_bytes_per_token(2) == shape.kv_bytes_per_token(4) == shape.kv_bytes_per_token() // 2


@pytest.mark.parametrize(
    ("quantized", "bytes_each"), [("Qwen/Qwen3-32B-FP8", 1.0), ("Qwen/Qwen3-32B-AWQ", 0.5 + 2.5 / 128)]
)
def test_quantization_shrinks_the_linear_layers_and_nothing_else(quantized: str, bytes_each: float) -> None:
    shape, plain = known(quantized), known(QWEN_32B)
    others = 2 * 2 * plain.num_embedding_parameters
    linear = (plain.weights_in_bytes() - others) / 2
    assert shape.weights_in_bytes() == pytest.approx(others + bytes_each * linear, rel=1e-3)
    assert shape.kv_bytes_per_token() == plain.kv_bytes_per_token()
    assert shape.num_parameters == plain.num_parameters


@pytest.mark.parametrize(
    ("quantization", "bytes_each"),
    [
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 1),
        ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8}}}}, 1),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 4, "group_size": 64}}},
            },
            0.5 + 2.5 / 64,
        ),
    ],
)
def test_the_bits_and_the_groups_of_a_quantized_checkpoint_count(
    quantization: dict[str, Any], bytes_each: float
) -> None:
    assert ModelShape.from_config(CONFIG | {"quantization_config": quantization}).weight_bytes == bytes_each


def test_float32_doubles_weights_and_kv_cache_and_an_fp8_cache_halves_it() -> None:
    shape = known(R1_SMALL)
    doubled, halved = shape.loaded_as(dtype="float32"), shape.loaded_as(kv_cache_dtype="fp8_e4m3")
    assert doubled.weights_in_bytes() == 2 * shape.weights_in_bytes()
    assert doubled.kv_bytes_per_token() == 2 * shape.kv_bytes_per_token() == 4 * halved.kv_bytes_per_token()
    assert halved.weights_in_bytes() == shape.weights_in_bytes()


def test_quantizing_while_loading_needs_as_much_as_weights_that_are_published_so() -> None:
    loaded = known(QWEN_32B).loaded_as(quantization="fp8_per_tensor")
    assert loaded.weights_in_bytes() == known("Qwen/Qwen3-32B-FP8").weights_in_bytes()
    assert known("Qwen/Qwen3-32B-AWQ").loaded_as(dtype="bfloat16").weight_bytes < 1


def test_a_file_of_float32_is_loaded_as_the_pair_says() -> None:
    shape = ModelShape.from_config(CONFIG | {"torch_dtype": "float32"})
    assert shape.loaded_as(dtype="bfloat16").weights_in_bytes() * 2 == shape.weights_in_bytes()


def test_the_vocabulary_is_padded_as_vllm_pads_it() -> None:
    shape = ModelShape.from_config(CONFIG)
    padded = ModelShape.from_config(CONFIG | {"vocab_size": 448})
    assert shape.weights_in_bytes() == padded.weights_in_bytes()
    assert shape.num_parameters < padded.num_parameters


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size"])
def test_a_config_that_lacks_a_number_is_refused_by_its_key(key: str) -> None:
    with pytest.raises(InputError, match=naming(key)):
        ModelShape.from_config({name: value for name, value in CONFIG.items() if name != key})


def test_a_family_or_a_quantization_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=naming("model_type", "qwen3_moe", "qwen3")):
        ModelShape.from_config(CONFIG | {"model_type": "qwen3_moe"})
    with pytest.raises(InputError, match=naming("quant_method", "hqq", "awq")):
        ModelShape.from_config(CONFIG | {"quantization_config": {"quant_method": "hqq"}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"quant_method": "compressed-tensors"},
        {"quant_method": "compressed-tensors", "config_groups": {}},
        {"quant_method": "compressed-tensors", "config_groups": {"FP8": ["q_proj"]}},
        {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": None}}},
        {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {}}}},
        {"quant_method": "awq", "bits": "four"},
        {"quant_method": "gptq", "group_size": "128"},
        ["awq"],
    ],
)
def test_a_quantization_that_does_not_say_how_wide_its_weights_are_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=naming("config.json", "quantization_config")):
        ModelShape.from_config(CONFIG | {"quantization_config": wrong})


@pytest.mark.parametrize("key", ["num_key_value_heads", "head_dim"])
def test_a_number_that_is_none_is_refused_by_its_key(key: str) -> None:
    with pytest.raises(InputError, match=naming(key, "'2'")):
        ModelShape.from_config(CONFIG | {key: "2"})


def test_a_config_that_is_no_object_is_refused() -> None:
    with pytest.raises(InputError, match=naming("config.json", "object")):
        ModelShape.from_config([])  # type: ignore[arg-type]


def test_what_is_known_of_a_models_own_sampling_is_told_and_the_rest_is_not_guessed() -> None:
    assert (known_generation_config(QWQ) or {})["top_k"] == 40
    assert (known_generation_config(QWEN_32B) or {})["top_k"] == 20
    assert "top_k" not in (known_generation_config(R1_SMALL) or {})
    assert known_generation_config("Zyphra/ZR1-1.5B") is known_shape("nobody/model") is None
