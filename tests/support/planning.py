"""Pairs for the planner: models of models.json, and changes of a pair."""

from __future__ import annotations

from typing import Any

from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.shapes import ModelShape, known_shape

QWQ, R1_SMALL = "Qwen/QwQ-32B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
QWEN_32B, QWEN_SMALL = "Qwen/Qwen3-32B", "Qwen/Qwen3-1.7B"
CONTEXT = 16_384


def gpu_pair(base: str, drafter: str, *, sizes: tuple[int, int] = (1, 1), **fields: Any) -> PairConfig:
    """A pair with `sizes` as tensor_parallel_size of base and drafter, and `fields` in both models."""
    models = [
        ModelConfig(**{"model": model, "max_model_len": CONTEXT, "tensor_parallel_size": size, **fields})
        for model, size in zip((base, drafter), sizes, strict=True)
    ]
    return PairConfig(base=models[0], drafter=models[1])


def shapes_in(pair: PairConfig) -> dict[str, ModelShape]:
    """The shapes that models.json has of the pair's models."""
    shapes = {role: known_shape(pair.model(role).model) for role in ("base", "drafter")}
    assert None not in shapes.values()
    return {role: shape for role, shape in shapes.items() if shape is not None}


def with_models(pair: PairConfig, **fields: dict[str, Any]) -> PairConfig:
    """The pair with other fields in its base and its drafter."""
    return pair.model_copy(
        update={role: pair.model(role).model_copy(update=own) for role, own in fields.items()}
    )


def with_kv(pair: PairConfig, **sizes: int) -> PairConfig:
    """The pair with KV caches of so many bytes."""
    return with_models(pair, **{role: {"kv_cache_memory_bytes": size} for role, size in sizes.items()})
