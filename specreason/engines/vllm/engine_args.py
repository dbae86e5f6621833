"""What `engine_args` of a pair may pass to vLLM: each argument that it has, but for those that others decide here.

The names are read from vLLM's source, which is not imported: that takes seconds, and a machine with the API alone has
none.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from specreason.engines.base import Role
from specreason.engines.machine.platform import VLLM_VERSION, Device
from specreason.errors import InvalidField
from specreason.pairs import PairConfig
from specreason.words import suggestion

_SOURCE = Path("engine", "arg_utils.py")
_CLASSES = ("EngineArgs", "AsyncEngineArgs")

# Where pairs.toml has a key of its own for it.
_OWN_KEYS = {
    **{
        name: f"{name} of the model"
        for name in (
            "model",
            "revision",
            "dtype",
            "tensor_parallel_size",
            "max_model_len",
            "max_num_seqs",
            "kv_cache_memory_bytes",
        )
    },
    "num_gpu_blocks_override": "kv_cache_memory_bytes of the model",
    "enforce_eager": "enforce_eager of the pair",
    "block_size": "block_size of the pair",
    **dict.fromkeys(
        ("speculative_config", "spec_method", "spec_model", "spec_tokens"), "speculation of the pair"
    ),
}
# Why it cannot be set at all.
_REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the memory plan sets it, from kv_cache_memory_bytes", ("gpu_memory_utilization",)),
    ("it is always on: a verification computes the new step only", ("enable_prefix_caching",)),
    (
        "token ids and stop strings are those of the model's own tokenizer.json",
        ("tokenizer", "tokenizer_mode", "tokenizer_revision", "skip_tokenizer_init", "tokens_only"),
    ),
    ("a verdict reads the probabilities of ten digits before sampling", ("max_logprobs", "logprobs_mode")),
    ("it changes what a verdict's probabilities and the seeds of a run mean", ("logits_processors",)),
    ("every call has a seed of its own", ("seed",)),
    (
        "sampling is an option of a batch, and the model's own end-of-sequence tokens end a completion",
        ("generation_config", "override_generation_config"),
    ),
    (
        "an engine runs on one machine, on as many devices as tensor_parallel_size says",
        (
            "distributed_executor_backend",
            "pipeline_parallel_size",
            "prefill_context_parallel_size",
            "nnodes",
            "node_rank",
            "master_addr",
            "master_port",
        ),
    ),
    ("`specreason worker --gpu` names the devices", ("device_ids",)),
    (
        "a request over such a limit fails its job; slots bound them",
        ("max_num_queued_reqs", "max_num_queued_tokens"),
    ),
    ("an engine of a pair generates text", ("runner", "convert", "pooler_config")),
    (
        "aborting calls and ending the engine's processes rely on what it replaces",
        ("worker_cls", "worker_extension_cls", "scheduler_cls", "additional_config"),
    ),
    ("no code that comes with a model is fetched or run", ("trust_remote_code", "code_revision")),
    (
        "a model's files are fetched before the engine starts; model, HF_HOME and HF_TOKEN say which, where and how",
        ("model_weights", "hf_config_path", "download_dir", "hf_token"),
    ),
    (
        "it has no effect in this project",
        ("disable_log_stats", "enable_log_requests", "aggregate_engine_logging", "served_model_name"),
    ),
)
_REFUSED = {name: reason for reason, names in _REASONS for name in names}
_DATA_PARALLEL = "data_parallel_"
# A seeded request whose prompt is prefilled in pieces kills vLLM's CPU engine.
_WHOLE_PROMPTS = (
    "enable_chunked_prefill",
    "max_num_batched_tokens",
    "max_num_scheduled_tokens",
    "long_prefill_token_threshold",
    "long_prefill_token_threshold_adaptive",
)


def check_engine_args(
    name: str, pair: PairConfig, *, known: Collection[str], device: Device | None = None
) -> None:
    """Raise InvalidField for the first argument of the pair called `name` that is unknown or not for it to set.

    `known` are the names of vLLM's arguments, none if they are not known here: then no name is unknown.
    """
    for role in Role:
        arguments = pair.model(role).engine_args
        for key, reason in _complaints(arguments, known, device):
            raise InvalidField(f"{name}.{role}.engine_args.{key}", reason)


@cache
def vllm_arguments() -> frozenset[str]:
    """Return the names that AsyncEngineArgs of the installed vLLM takes, none if it is not installed."""
    spec = find_spec("vllm")
    for folder in (spec and spec.submodule_search_locations) or ():
        module = ast.parse((Path(folder) / _SOURCE).read_text())
        return frozenset(
            field.target.id
            for each in module.body
            if isinstance(each, ast.ClassDef) and each.name in _CLASSES
            for field in each.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            # What begins so is for vLLM's own servers.
            if not field.target.id.startswith("_")
        )
    return frozenset()


def _complaints(
    arguments: Mapping[str, Any], known: Collection[str], device: Device | None
) -> Iterator[tuple[str, str]]:
    """Yield each key at fault, and what is wrong with it."""
    for key, value in arguments.items():
        if key in _OWN_KEYS:
            yield key, f"is not set here: set {_OWN_KEYS[key]}"
        elif key in _REFUSED:
            yield key, f"cannot be set: {_REFUSED[key]}"
        elif key.startswith(_DATA_PARALLEL):
            yield key, "cannot be set: another worker serves the same pair on other GPUs"
        elif known and key not in known:
            yield key, f"vLLM {VLLM_VERSION} has no such argument{suggestion(key, known)}"
        elif key == "hf_overrides" and not isinstance(value, Mapping):
            yield key, "must be a table of keys of the model's config.json"
        elif key == "hf_overrides" and "head_dtype" in value:
            yield f"{key}.head_dtype", "is not set here: set head_dtype of the model"
        elif device is Device.CPU and key in _WHOLE_PROMPTS:
            yield key, "cannot be set on the CPU: vLLM prefills each prompt whole there"
