"""The shape of a model: what its config.json tells of parameters, and so of the memory for weights and KV cache.

The families are those whose layers differ only in biases and norms: Llama, Mistral, Qwen2 and Qwen3, all of them dense.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from specreason.errors import InputError
from specreason.words import shown

# The families by config.json's model_type; the second and third have biases of q, k and v, or norms of q and k.
_FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
FLOAT32_BYTES = 4
_HALF_BYTES = 2
# vLLM pads the vocabulary to a multiple of this many rows before it divides them (vocab_parallel_embedding.py).
VOCAB_PADDING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """One dense decoder: its sizes, and the bytes that its values take."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied_embeddings: bool
    qkv_bias: bool = False
    qk_norm: bool = False
    # Bytes for each weight of the linear layers, scales and zero points included; a quantized one takes a fraction.
    weight_bytes: float = _HALF_BYTES
    # Bytes for each value of embeddings, head, norms and activations, which no quantization touches.
    value_bytes: int = _HALF_BYTES
    # Bytes for each value of the KV cache.
    kv_value_bytes: int = _HALF_BYTES

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ModelShape:
        """Return the shape that a config.json describes.

        Raises InputError that names a missing key, or a family or quantization whose memory is not known here.
        """
        if not isinstance(config, Mapping):
            raise InputError(f"config.json: must be a JSON object, not {shown(config)}")
        family = config.get("model_type")
        if family not in _FAMILIES:
            raise InputError(
                f"config.json: model_type {shown(family)} is none of {', '.join(_FAMILIES)}, "
                "the families whose memory is known"
            )
        hidden, heads = _number(config, "hidden_size"), _number(config, "num_attention_heads")
        value_bytes = (
            FLOAT32_BYTES if config.get("dtype", config.get("torch_dtype")) == "float32" else _HALF_BYTES
        )
        return cls(
            layers=_number(config, "num_hidden_layers"),
            hidden=hidden,
            intermediate=_number(config, "intermediate_size"),
            heads=heads,
            kv_heads=_number(config, "num_key_value_heads", default=heads),
            head_dim=_number(config, "head_dim", default=hidden // heads),
            vocab=_number(config, "vocab_size"),
            tied_embeddings=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=family == "qwen2" or bool(config.get("attention_bias", False)),
            qk_norm=family == "qwen3",
            weight_bytes=_quantized_bytes(config.get("quantization_config")) or value_bytes,
            value_bytes=value_bytes,
            kv_value_bytes=value_bytes,
        )

    def loaded_as(
        self, *, dtype: str = "auto", quantization: str | None = None, kv_cache_dtype: str = "auto"
    ) -> ModelShape:
        """Return the shape as vLLM loads it under these arguments of its own.

        With one of the names that begin with "fp8" it quantizes, layer by layer as it loads them, weights that are not
        quantized. A quantized checkpoint stays as it is.
        """
        value_bytes = {"auto": self.value_bytes, "float32": FLOAT32_BYTES}.get(dtype, _HALF_BYTES)
        weight_bytes: float = self.weight_bytes if self.is_quantized else value_bytes
        if quantization is not None and quantization.startswith("fp8") and not self.is_quantized:
            weight_bytes = 1
        kv_value_bytes = 1 if kv_cache_dtype.startswith("fp8") else value_bytes
        return replace(
            self, value_bytes=value_bytes, weight_bytes=weight_bytes, kv_value_bytes=kv_value_bytes
        )

    @property
    def is_quantized(self) -> bool:
        """Whether the weights of the linear layers take less than the other values."""
        return self.weight_bytes < self.value_bytes

    @property
    def num_parameters(self) -> int:
        """The exact number of parameters; tied embeddings count once."""
        embeddings = self.num_embedding_parameters * (1 if self.tied_embeddings else 2)
        return embeddings + self._num_linear(1) + self._num_small(1)

    @property
    def num_embedding_parameters(self) -> int:
        """The parameters of the input embeddings, of which a token reads one row only."""
        return self.vocab * self.hidden

    def weights_in_bytes(self, tensor_parallel_size: int = 1) -> int:
        """Return the bytes of the weights on one device, with the rows that vLLM pads the vocabulary by."""
        rows = -(-self.vocab // VOCAB_PADDING) * VOCAB_PADDING // tensor_parallel_size
        embeddings = rows * self.hidden * (1 if self.tied_embeddings else 2)
        others = embeddings + self._num_small(tensor_parallel_size)
        return round(self._num_linear(tensor_parallel_size) * self.weight_bytes + others * self.value_bytes)

    def kv_bytes_per_token(self, tensor_parallel_size: int = 1) -> int:
        """Return the bytes that one token takes in the KV cache of one device.

        With more devices than KV heads each holds one head, and the heads are there several times.
        """
        return 2 * self.layers * self._kv_heads_on(tensor_parallel_size) * self.head_dim * self.kv_value_bytes

    def _kv_heads_on(self, tensor_parallel_size: int) -> int:
        return max(self.kv_heads // tensor_parallel_size, 1)

    def _num_linear(self, tensor_parallel_size: int) -> int:
        """Return the weights of the linear layers on one device."""
        queries = self.heads * self.head_dim // tensor_parallel_size
        keys = self._kv_heads_on(tensor_parallel_size) * self.head_dim
        intermediate = self.intermediate // tensor_parallel_size
        return self.layers * self.hidden * (2 * queries + 2 * keys + 3 * intermediate)

    def _num_small(self, tensor_parallel_size: int) -> int:
        """Return the norms and biases on one device."""
        queries = self.heads * self.head_dim // tensor_parallel_size
        keys = self._kv_heads_on(tensor_parallel_size) * self.head_dim
        biases = queries + 2 * keys if self.qkv_bias else 0
        norms = 2 * self.hidden + (2 * self.head_dim if self.qk_norm else 0)
        return self.layers * (biases + norms) + self.hidden


def known_shape(model_id: str) -> ModelShape | None:
    """Return the shape of a model of the hub from models.json, None if it is not one of these.

    models.json holds the numbers that the models' published config.json and generation_config.json state. They were
    written down from the models' documentation, not fetched.
    """
    model = _models().get(model_id)
    return None if model is None else ModelShape.from_config(model["config"])


def known_generation_config(model_id: str) -> Mapping[str, float] | None:
    """Return temperature, top_p and top_k as the model's generation_config.json gives them, those of them it gives.

    None: the file is not known here, and it may well exist.
    """
    model = _models().get(model_id, {})
    return model.get("generation_config")


@cache
def _models() -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = json.loads(
        files("specreason.planning").joinpath("models.json").read_text()
    )
    return models


def _number(config: Mapping[str, Any], key: str, *, default: int | None = None) -> int:
    number = config.get(key) or default
    if not isinstance(number, int) or number < 1:
        raise InputError(f"config.json: {key} must be a whole number above 0, not {shown(number)}")
    return number


def _quantized_bytes(quantization: Mapping[str, Any] | None) -> float | None:
    """Return the bytes for each weight of the linear layers, None if they are not quantized.

    A group of weights has a scale of two bytes and a zero point as wide as a weight.
    """
    if quantization is None:
        return None
    method = _table(quantization).get("quant_method")
    if method == "fp8":
        return 1.0
    if method in ("awq", "gptq"):
        bits, group = quantization.get("bits", 4), quantization.get("group_size", 128)
    elif method == "compressed-tensors":
        groups = _table(quantization.get("config_groups"))
        weights = _table(_table(next(iter(groups.values()), None)).get("weights"))
        bits, group = weights.get("num_bits"), weights.get("group_size") or 0
    else:
        raise InputError(
            f"config.json: quant_method {shown(method)} is none of awq, gptq, fp8, compressed-tensors, "
            "the ones whose memory is known"
        )
    if not isinstance(bits, int) or not isinstance(group, int) or bits < 1:
        raise InputError(
            "config.json: quantization_config must give the bits and the group of its weights in whole numbers, "
            f"not {shown(bits)} and {shown(group)}"
        )
    bytes_each = bits / 8
    return bytes_each + ((2 + bytes_each) / group if group > 0 else 0)


def _table(value: object) -> Mapping[str, Any]:
    """Return a part of the quantization_config."""
    if not isinstance(value, Mapping):
        raise InputError(
            f"config.json: quantization_config does not say how wide the weights are; it has {shown(value)} in place "
            "of a table"
        )
    return value
