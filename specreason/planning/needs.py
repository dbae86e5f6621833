"""What one engine takes of each device it uses: weights, buffers and the KV cache's bytes per token.

The formulas follow vLLM's source. What no source tells and nobody has measured here is called a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from specreason.errors import InvalidField
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.shapes import ModelShape

GIB = 1 << 30
BASE, DRAFTER = "base", "drafter"
ROLES = (BASE, DRAFTER)
# Tokens of one forward pass where engine_args names no max_num_batched_tokens (vllm/engine/arg_utils.py).
BATCHED_TOKENS = 2048
# In the sampler, for each token of the vocabulary and each row: logits in float32, the counts of the penalties
# (vllm/v1/worker/gpu/sample/penalties.py) and the buffer of top-k and top-p, four bytes each.
SAMPLER_BYTES = 12
# With several devices, the logits are gathered into a second buffer of half precision.
GATHER_BYTES = 2
# A guess: CUDA graphs of 30 batch sizes, the second number for each 64 layers. A report of a user (vLLM, issue 48601)
# has 2.0 GiB for more than 51 sizes.
GRAPHS_GIB, GRAPHS_GIB_PER_64_LAYERS = 0.4, 0.4
# A guess: CUDA's context and cuBLAS, and with several devices NCCL and the custom all-reduce. The same report has
# 0.6 GiB that are not torch's.
CONTEXT_GIB, CONTEXT_GIB_OF_SEVERAL = 0.55, 0.9
# Python, torch and vLLM in the process of one engine on the CPU. Measured with the Qwen3 pair of pairs.toml.
PROCESS_GIB = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNeeds:
    """What each rank of one engine takes, bytes. A rank has a GPU of its own; on the CPU, ranks share one memory."""

    model: ModelConfig
    weights: int
    # Everything beside weights and KV cache.
    fixed: int
    kv_per_token: int
    # The ranks that share the memory which is planned.
    ranks: int = 1

    @property
    def kv_bytes(self) -> int | None:
        """The bytes that pairs.toml names for the KV cache of a rank. None: it leaves them to the plan."""
        named = self.model.kv_cache_memory_bytes
        return None if named == "auto" else named


def needs_on_gpus(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> dict[str, EngineNeeds]:
    """Return what both engines take of the first GPU, by role. `shapes` are those of the models' config.json, by role.

    Raises InvalidField for a model that cannot be divided among so many devices.
    """
    return {role: _on_gpus(role, pair, loaded_shapes(pair, shapes)) for role in ROLES}


def needs_on_the_cpu(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> dict[str, EngineNeeds]:
    """Return what both engines take of the memory of a machine without a GPU, by role."""
    loaded = loaded_shapes(pair, shapes)
    needs = {}
    for role in ROLES:
        model = pair.model(role)
        _check_division(role, model, loaded[role])
        weights, kv_per_token = _weights_and_kv(role, pair, loaded)
        needs[role] = EngineNeeds(
            model=model,
            weights=weights,
            fixed=round(PROCESS_GIB * GIB),
            kv_per_token=kv_per_token,
            ranks=model.tensor_parallel_size,
        )
    return needs


def _on_gpus(role: str, pair: PairConfig, loaded: Mapping[str, ModelShape]) -> EngineNeeds:
    model = pair.model(role)
    _check_division(role, model, loaded[role])
    weights, kv_per_token = _weights_and_kv(role, pair, loaded)
    shapes = [loaded[role]]
    # The base's engine scores every drafted token, so it has so many more rows of logits.
    rows = model.max_num_seqs
    if _speculates(role, pair):
        shapes.append(_draft_model(loaded))
        rows *= 1 + (pair.speculation.num_tokens if pair.speculation else 0)
    size = model.tensor_parallel_size
    activations = max(_activations(shape, model) for shape in shapes)
    fixed: float = activations + rows * _sampler_bytes(loaded[role], size)
    fixed += GIB * (CONTEXT_GIB if size == 1 else CONTEXT_GIB_OF_SEVERAL)
    if not pair.enforce_eager:
        fixed += GIB * sum(GRAPHS_GIB + GRAPHS_GIB_PER_64_LAYERS * shape.layers / 64 for shape in shapes)
    return EngineNeeds(model=model, weights=weights, fixed=round(fixed), kv_per_token=kv_per_token)


def _weights_and_kv(role: str, pair: PairConfig, loaded: Mapping[str, ModelShape]) -> tuple[int, int]:
    """Return the bytes of weights and of one token's KV; an engine that speculates holds both of the drafter, too."""
    size = pair.model(role).tensor_parallel_size
    weights, kv_per_token = loaded[role].weights_in_bytes(size), loaded[role].kv_bytes_per_token(size)
    if _speculates(role, pair):
        draft_model = _draft_model(loaded)
        weights += draft_model.weights_in_bytes(size)
        kv_per_token += draft_model.kv_bytes_per_token(size)
    return weights, kv_per_token


def _speculates(role: str, pair: PairConfig) -> bool:
    return role == BASE and pair.speculation is not None


def _draft_model(loaded: Mapping[str, ModelShape]) -> ModelShape:
    """Return the drafter as the base's engine holds it: with as many rows of vocabulary as the base has."""
    return replace(loaded[DRAFTER], vocab=loaded[BASE].vocab)


def loaded_shapes(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> dict[str, ModelShape]:
    """Return the shapes by role as vLLM loads them with the pair's own arguments."""
    return {role: _loaded_as(shapes[role], pair.model(role)) for role in ROLES}


def _loaded_as(shape: ModelShape, model: ModelConfig) -> ModelShape:
    args: Mapping[str, Any] = model.engine_args
    return shape.loaded_as(
        dtype=model.dtype,
        quantization=args.get("quantization"),
        kv_cache_dtype=str(args.get("kv_cache_dtype", "auto")),
    )


def _activations(shape: ModelShape, model: ModelConfig) -> int:
    """Return the peak of the pass over a whole batch with which vLLM tries what memory it needs."""
    batched = int(model.engine_args.get("max_num_batched_tokens", BATCHED_TOKENS))
    width = 3 * shape.intermediate / model.tensor_parallel_size + 4 * shape.hidden
    return round(shape.value_bytes * batched * width)


def _sampler_bytes(shape: ModelShape, tensor_parallel_size: int) -> int:
    """Return the bytes of one row of logits and of what the sampler makes of it."""
    gathered = GATHER_BYTES if tensor_parallel_size > 1 else 0
    return shape.vocab * (shape.value_bytes + SAMPLER_BYTES + gathered)


def _check_division(role: str, model: ModelConfig, shape: ModelShape) -> None:
    """Refuse what vLLM refuses: devices that do not get equally many heads."""
    size = model.tensor_parallel_size
    if shape.heads % size or (shape.kv_heads % size and size % shape.kv_heads):
        raise InvalidField(
            f"{role}.tensor_parallel_size",
            f"{size} devices cannot share {shape.heads} heads and {shape.kv_heads} KV heads evenly",
        )
