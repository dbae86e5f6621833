"""How vLLM is set up for one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs

from specreason.engines.base import Role
from specreason.engines.cores import cores_of_ranks
from specreason.engines.parent_watch import SETTINGS, EngineProcess
from specreason.pairs import PairConfig

# The CPU's attention kernel takes multiples of 32; its default of 128 recomputes up to 127 tokens per verification.
CPU_BLOCK_SIZE = 32
# As many as vLLM returns by default.
MAX_LOGPROBS = 20
_CPU_BATCHED_TOKENS = 8192


def engine_config(
    role: Role, pair: PairConfig, *, cores: list[int] | None, draft_model: Path | None = None
) -> VllmConfig:
    """vLLM's configuration for one of the pair's models; `cores` are the CPUs it computes on, None on GPUs.

    `draft_model` is the folder of the drafter's padded copy, None if the base drafts tokens with the drafter as it is.
    Changes os.environ, as vLLM does: call it for one engine after the other.
    """
    model = pair.model(role)
    ranks = model.tensor_parallel_size
    args = AsyncEngineArgs(
        model=model.model,
        revision=model.revision,
        dtype=model.dtype,
        tensor_parallel_size=ranks,
        max_model_len=model.max_model_len,
        max_num_seqs=model.max_num_seqs,
        max_logprobs=MAX_LOGPROBS,
        kv_cache_memory_bytes=model.kv_cache_memory_bytes,
        enable_prefix_caching=True,
        enforce_eager=pair.enforce_eager,
        block_size=pair.block_size or (CPU_BLOCK_SIZE if cores else None),
        speculative_config=_speculation(pair, draft_model) if role is Role.BASE else None,
        use_tqdm_on_load=False,
        additional_config={
            SETTINGS: EngineProcess(cores=cores_of_ranks(cores, ranks) if cores else None, ranks=ranks)
        },
    )
    if cores:
        args.distributed_executor_backend = (
            f"specreason.engines.vllm_cpu.{'OneRank' if ranks == 1 else 'ManyRanks'}"
        )
        args.worker_cls = "specreason.engines.vllm_cpu_worker.AmxWorker"
        # A seeded request whose prompt is prefilled in pieces kills vLLM's CPU engine ("CPU Generator does not use
        # offset"), and every job on it. So prompts are prefilled whole, and a step must hold the longest one.
        args.enable_chunked_prefill = False
        args.max_num_batched_tokens = max(model.max_model_len, _CPU_BATCHED_TOKENS)
    return args.create_engine_config()


def _speculation(pair: PairConfig, draft_model: Path | None) -> dict[str, Any] | None:
    """Load the drafter's weights a second time, in the base's engine (paper §4.2). The base's are loaded once."""
    if pair.speculation is None:
        return None
    return {
        "method": "draft_model",
        "model": str(draft_model or pair.drafter.model),
        "revision": None if draft_model else pair.drafter.revision,
        "num_speculative_tokens": pair.speculation.num_tokens,
        "draft_tensor_parallel_size": pair.base.tensor_parallel_size,
    }
