"""How vLLM is set up for one model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs

from specreason.engines.base import Role
from specreason.engines.machine.cores import cores_of_ranks
from specreason.engines.machine.parent_watch import SETTINGS, EngineProcess
from specreason.errors import InputError
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.memory import EngineShare

# The CPU's attention kernel takes multiples of 32; its default of 128 recomputes up to 127 tokens per verification.
CPU_BLOCK_SIZE = 32
# As many as vLLM returns by default.
MAX_LOGPROBS = 20
# On a GPU without a plan. vLLM starts with no less of the card free than this part, by default 0.92, of which the
# other engine has taken some. The KV cache is given in bytes, so the part decides nothing else.
UNPLANNED_UTILIZATION = 0.01
_CPU_BATCHED_TOKENS = 8192


def engine_config(
    role: Role,
    pair: PairConfig,
    *,
    cores: list[int] | None,
    share: EngineShare | None = None,
    draft_model: Path | None = None,
    tokenizer_folder: Path | None = None,
) -> VllmConfig:
    """vLLM's configuration for one of the pair's models; `cores` are the CPUs it computes on, None on GPUs.

    `share` is the engine's part of the memory plan; without one, the pair must say how large its KV cache is.
    `draft_model` is the folder of the model that drafts tokens in the base's engine, by default the drafter's.
    `tokenizer_folder` holds the tokenizer that finds stop strings, by default the one that vLLM makes of the model.
    Raises InputError if the size of the KV cache is left to a plan and there is none.

    Changes os.environ, as vLLM does: call it for one engine after the other.
    """
    model = pair.model(role)
    ranks = model.tensor_parallel_size
    arguments: dict[str, Any] = {
        "model": model.model,
        "revision": model.revision,
        "dtype": model.dtype,
        "tensor_parallel_size": ranks,
        "max_model_len": model.max_model_len,
        "max_num_seqs": model.max_num_seqs,
        "max_logprobs": MAX_LOGPROBS,
        "kv_cache_memory_bytes": _kv_cache_bytes(role, model, share),
        "enable_prefix_caching": True,
        "enforce_eager": pair.enforce_eager,
        "block_size": pair.block_size or (CPU_BLOCK_SIZE if cores else None),
        "speculative_config": _speculation(pair, draft_model) if role is Role.BASE else None,
        "use_tqdm_on_load": False,
        "additional_config": {
            SETTINGS: EngineProcess(cores=cores_of_ranks(cores, ranks) if cores else None, ranks=ranks)
        },
    }
    if not cores:
        planned = share.gpu_memory_utilization if share is not None else None
        arguments["gpu_memory_utilization"] = planned or UNPLANNED_UTILIZATION
    if model.head_dtype != "auto":
        arguments["hf_overrides"] = {"head_dtype": model.head_dtype}
    if tokenizer_folder is not None:
        arguments["tokenizer"] = str(tokenizer_folder)
    if cores:
        arguments["distributed_executor_backend"] = (
            f"specreason.engines.vllm.on_the_cpu.{'OneRank' if ranks == 1 else 'ManyRanks'}"
        )
        arguments["worker_cls"] = "specreason.engines.vllm.cpu_worker.MendedWorker"
        # A seeded request whose prompt is prefilled in pieces kills vLLM's CPU engine ("CPU Generator does not use
        # offset"), and every job on it. So prompts are prefilled whole, and a step must hold the longest one.
        arguments["enable_chunked_prefill"] = False
        arguments["max_num_batched_tokens"] = max(model.max_model_len, _CPU_BATCHED_TOKENS)
    return AsyncEngineArgs(**_merged(arguments, model.engine_args)).create_engine_config()


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Our arguments and those of pairs.toml, which engine_args.py has checked: they name none that is ours to set."""
    overrides = {**theirs.get("hf_overrides", {}), **ours.get("hf_overrides", {})}
    return {**ours, **theirs, **({"hf_overrides": overrides} if overrides else {})}


def _kv_cache_bytes(role: Role, model: ModelConfig, share: EngineShare | None) -> int:
    if share is not None:
        return share.kv_cache_memory_bytes
    if model.kv_cache_memory_bytes == "auto":
        raise InputError(
            f"{role}.kv_cache_memory_bytes: 'auto' is for the memory plan to fill in, and there is none; "
            "set a number of bytes"
        )
    return model.kv_cache_memory_bytes


def _speculation(pair: PairConfig, draft_model: Path | None) -> dict[str, Any] | None:
    """Load the drafter's weights a second time, in the base's engine (paper §4.2). The base's are loaded once."""
    if pair.speculation is None:
        return None
    return {
        "method": "draft_model",
        "model": pair.drafter.model if draft_model is None else str(draft_model),
        "revision": pair.drafter.revision if draft_model is None else None,
        "num_speculative_tokens": pair.speculation.num_tokens,
        "draft_tensor_parallel_size": pair.base.tensor_parallel_size,
    }
