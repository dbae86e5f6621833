"""What one engine takes of each device it uses: weights, buffers and the KV cache's bytes per token.

The formulas follow vLLM's source. What no source tells and nobody has measured here is called a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from specreason.errors import InvalidField
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.shapes import FLOAT32_BYTES, ModelShape

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
# A guess for a model of no known shape: more than any of pairs.toml takes on a GPU beside weights and KV cache.
ROUGH_FIXED_GIB = 3.5
# Python, torch and vLLM in the process of one engine on the CPU. Measured with the Qwen3 pair of pairs.toml. vLLM loads
# parts of scipy, too, where that is installed: some 0.05 more.
PROCESS_GIB = 0.85


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
    return {role: _on_gpus(role, pair, shapes) for role in ROLES}


def needs_on_the_cpu(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> dict[str, EngineNeeds]:
    """Return what both engines take of the memory of a machine without a GPU, by role."""
    needs = {}
    for role in ROLES:
        model, held = pair.model(role), _held(role, pair, shapes)
        needs[role] = EngineNeeds(
            model=model,
            weights=_weights(held, model.tensor_parallel_size),
            fixed=round(PROCESS_GIB * GIB),
            kv_per_token=_kv_per_token(held, model.tensor_parallel_size),
            ranks=model.tensor_parallel_size,
        )
    return needs


def rough_needs_on_gpus(pair: PairConfig, sizes: Mapping[str, int]) -> dict[str, EngineNeeds]:
    """Return what both engines take of the first GPU for models of no known shape, from the bytes of their weights.

    pairs.toml names the KV caches. A draft model inside the base's engine takes its own weights and buffers.
    """
    rough = rough_needs_on_the_cpu(pair, sizes)
    models = {BASE: 1 if pair.speculation is None else 2, DRAFTER: 1}
    return {
        role: replace(each, fixed=round(models[role] * ROUGH_FIXED_GIB * GIB), ranks=1)
        for role, each in rough.items()
    }


def rough_needs_on_the_cpu(pair: PairConfig, sizes: Mapping[str, int]) -> dict[str, EngineNeeds]:
    """Return the same of the memory of a machine without a GPU."""
    needs = {}
    for role in ROLES:
        model = pair.model(role)
        weights = sizes[role] + (sizes[DRAFTER] if role == BASE and pair.speculation is not None else 0)
        needs[role] = EngineNeeds(
            model=model,
            weights=weights // model.tensor_parallel_size,
            fixed=round(PROCESS_GIB * GIB),
            kv_per_token=0,
            ranks=model.tensor_parallel_size,
        )
    return needs


def loaded_shapes(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> dict[str, ModelShape]:
    """Return the shapes by role as vLLM loads them with the pair's own arguments."""
    return {role: _loaded_as(shapes[role], pair.model(role)) for role in ROLES}


def draft_model(pair: PairConfig, shapes: Mapping[str, ModelShape]) -> ModelShape | None:
    """Return the drafter as the base's engine loads it; None if the base drafts no tokens.

    It has the base's dtype, type of KV cache and rows of vocabulary, and is quantized only if its files are
    (vllm/config/speculative.py).
    """
    if pair.speculation is None:
        return None
    base = loaded_shapes(pair, shapes)[BASE]
    dtype = "float32" if base.value_bytes == FLOAT32_BYTES else "bfloat16"
    drafter = shapes[DRAFTER].loaded_as(dtype=dtype, kv_cache_dtype=_kv_cache_dtype(pair.base))
    return replace(drafter, vocab=base.vocab)


def batched_tokens(model: ModelConfig) -> int:
    """Return the most tokens of one forward pass of the model's engine."""
    most: int = model.engine_args.get("max_num_batched_tokens", BATCHED_TOKENS)
    return most


def _on_gpus(role: str, pair: PairConfig, shapes: Mapping[str, ModelShape]) -> EngineNeeds:
    model, held = pair.model(role), _held(role, pair, shapes)
    size, rows = model.tensor_parallel_size, model.max_num_seqs
    if role == BASE and pair.speculation is not None:
        # The base's engine scores every drafted token, so it has so many more rows of logits.
        rows *= 1 + pair.speculation.num_tokens
    fixed: float = max(_activations(shape, model) for shape in held) + rows * _sampler_bytes(held[0], size)
    fixed += GIB * (CONTEXT_GIB if size == 1 else CONTEXT_GIB_OF_SEVERAL)
    if not pair.enforce_eager:
        fixed += GIB * sum(GRAPHS_GIB + GRAPHS_GIB_PER_64_LAYERS * shape.layers / 64 for shape in held)
    return EngineNeeds(
        model=model,
        weights=_weights(held, size),
        fixed=round(fixed),
        kv_per_token=_kv_per_token(held, size),
    )


def _held(role: str, pair: PairConfig, shapes: Mapping[str, ModelShape]) -> tuple[ModelShape, ...]:
    """Return what the engine of `role` loads: its model first, and the draft model if it drafts tokens itself.

    Raises InvalidField for a number of devices that do not get equally many heads of each: vLLM refuses it.
    """
    model = loaded_shapes(pair, shapes)[role]
    inside = draft_model(pair, shapes) if role == BASE else None
    size = pair.model(role).tensor_parallel_size
    _check_division(role, size, model)
    if inside is None:
        return (model,)
    _check_division(role, size, inside, whose=" of the drafter, which the base's engine loads, too,")
    return (model, inside)


def _weights(held: Sequence[ModelShape], size: int) -> int:
    return sum(shape.weights_in_bytes(size) for shape in held)


def _kv_per_token(held: Sequence[ModelShape], size: int) -> int:
    return sum(shape.kv_bytes_per_token(size) for shape in held)


def _loaded_as(shape: ModelShape, model: ModelConfig) -> ModelShape:
    return shape.loaded_as(
        dtype=model.dtype,
        quantization=model.engine_args.get("quantization"),
        kv_cache_dtype=_kv_cache_dtype(model),
    )


def _kv_cache_dtype(model: ModelConfig) -> str:
    dtype: str = model.engine_args.get("kv_cache_dtype", "auto")
    return dtype


def _activations(shape: ModelShape, model: ModelConfig) -> int:
    """Return the peak of the pass over a whole batch with which vLLM tries what memory it needs."""
    width = 3 * shape.intermediate / model.tensor_parallel_size + 4 * shape.hidden
    return round(shape.value_bytes * batched_tokens(model) * width)


def _sampler_bytes(shape: ModelShape, tensor_parallel_size: int) -> int:
    """Return the bytes of one row of logits and of what the sampler makes of it."""
    gathered = GATHER_BYTES if tensor_parallel_size > 1 else 0
    return shape.vocab * (shape.value_bytes + SAMPLER_BYTES + gathered)


def _check_division(role: str, size: int, shape: ModelShape, *, whose: str = "") -> None:
    if shape.heads % size or (shape.kv_heads % size and size % shape.kv_heads):
        raise InvalidField(
            f"{role}.tensor_parallel_size",
            f"{size} devices cannot share {shape.heads} heads and {shape.kv_heads} KV heads{whose} evenly",
        )
