"""Checks that a pair asks vLLM for what it has, and that its models are here or can be fetched."""

from __future__ import annotations

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.folders import free_bytes
from specreason.cli.checks.machine import device_here
from specreason.engines.models.hub import (
    cache_folder,
    models_to_fetch,
    size_in_words,
    weights_bytes,
    why_out_of_reach,
)
from specreason.engines.vllm.engine_args import check_engine_args, vllm_arguments
from specreason.errors import InputError
from specreason.pairs import PairConfig
from specreason.planning.needs import GIB

# A slow line must not look like none.
HUB_TIMEOUT_S = 4.0


def check_pair(name: str, pair: PairConfig) -> Finding:
    """Check the arguments that the pair passes to vLLM, as a worker here does. Without vLLM all names are known."""
    try:
        check_engine_args(name, pair, known=vllm_arguments(), device=device_here())
    except InputError as error:
        return fail("pair", str(error), "correct pairs.toml")
    return ok("pair", f"'{name}' can be read")


def check_models(pair: PairConfig) -> Finding:
    """Check that the weights are here, or that the hub gives them and the disk has room for them."""
    for model in (pair.base, pair.drafter):
        if (folder := model.folder) is None:
            continue
        if not folder.is_dir():
            return fail("models", f"{folder} is not there", "mount it, or change pairs.toml")
        if not weights_bytes(folder):
            return fail(
                "models", f"{folder} has no weights", "put *.safetensors there, or name another folder"
            )
    missing = models_to_fetch(pair)
    if not missing:
        return ok("models", "both are on this machine")
    reason = why_out_of_reach(missing[0], timeout_s=HUB_TIMEOUT_S)
    if reason is not None:
        return fail(
            "models",
            f"{missing[0].model} is not here and cannot be fetched: {reason}",
            "connect this machine to the hub (HF_ENDPOINT, HF_TOKEN), or copy the model's folder here and name it "
            "in pairs.toml",
        )
    names = " and ".join(f"{model.model}{size_in_words(model)}" for model in missing)
    needed = sum(int((model.weights_gib or 0) * GIB) for model in missing)
    free = free_bytes(cache_folder())
    if needed > free:
        return fail(
            "models",
            f"{names} must be fetched, and {cache_folder()} has room for {free / GIB:.1f} GiB",
            "free some, or name another folder in HF_HOME",
        )
    return warn(
        "models", f"{names} must be fetched, once", "`specreason up` and `worker` do so as they start"
    )
