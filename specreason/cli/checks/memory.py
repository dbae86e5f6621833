"""Checks that a pair fits: weights and both KV caches into the memory of this machine, or of its GPUs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.gpus import shown_gpus
from specreason.cli.checks.machine import runs_on_gpus, text_of
from specreason.engines.hub import GIB, cached_folder, weights_bytes
from specreason.pairs import ModelConfig, PairConfig

# Python, torch and vLLM in the process of one engine, without weights and KV cache.
ENGINE_BYTES = int(0.8 * GIB)
MIB = 1 << 20
SMALLER = "name a smaller pair with --pair, or lower kv_cache_memory_bytes in pairs.toml"


def check_memory(pair: PairConfig) -> Finding:
    """Compare what the pair needs with the free memory of this machine, or with the memory of its GPUs."""
    on_gpus = runs_on_gpus()
    needed = needed_per_gpu(pair) if on_gpus else needed_on_the_cpu(pair)
    if needed is None:
        return warn(
            "memory", "the size of its models is not known", "set weights_gib of both models in pairs.toml"
        )
    if on_gpus:
        try:
            return judge_gpu_memory(needed, shown_gpus())
        except (OSError, subprocess.SubprocessError):
            return warn("memory", needs(needed), "how much the GPUs have is not known: nvidia-smi fails")
    group = Path("/sys/fs/cgroup")
    return judge_memory(
        needed,
        text_of(Path("/proc/meminfo")) or "",
        limit=text_of(group / "memory.max"),
        used=text_of(group / "memory.current"),
        stat=text_of(group / "memory.stat") or "",
    )


def needed_on_the_cpu(pair: PairConfig) -> int | None:
    """Return the bytes of both engines, None if the size of a model is not known."""
    base, drafter = known_weights(pair.base), known_weights(pair.drafter)
    if base is None or drafter is None:
        return None
    caches = sum(
        model.kv_cache_memory_bytes * model.tensor_parallel_size for model in (pair.base, pair.drafter)
    )
    # For token-level speculation the base's engine loads the drafter, too.
    return base + drafter * (2 if pair.speculation else 1) + caches + 2 * ENGINE_BYTES


def needed_per_gpu(pair: PairConfig) -> int | None:
    """Return the bytes of both engines on each GPU, None if the size of a model is not known."""
    base, drafter = known_weights(pair.base), known_weights(pair.drafter)
    if base is None or drafter is None:
        return None
    in_the_base = drafter if pair.speculation else 0
    return (
        (base + in_the_base) // pair.base.tensor_parallel_size
        + drafter // pair.drafter.tensor_parallel_size
        + pair.base.kv_cache_memory_bytes
        + pair.drafter.kv_cache_memory_bytes
    )


def known_weights(model: ModelConfig) -> int | None:
    """Return the size of the weights in bytes: of the files that are here, else what pairs.toml says."""
    folder = Path(model.model)
    if folder.is_dir():
        return weights_bytes(folder)
    if model.weights_gib is not None:
        return int(model.weights_gib * GIB)
    cached = None if folder.is_absolute() else cached_folder(model)
    return None if cached is None else weights_bytes(cached)


def judge_memory(
    needed: int, meminfo: str, *, limit: str | None, used: str | None, stat: str = ""
) -> Finding:
    """Compare `needed` bytes with /proc/meminfo, and with a container's `limit` less what it has `used`.

    Of `used`, what caches files does not count, as `stat` tells: the kernel drops it for whoever needs memory.
    """
    line = next((line for line in meminfo.splitlines() if line.startswith("MemAvailable:")), None)
    if line is None:
        return warn("memory", needs(needed), "how much is free is not known here")
    free = int(line.split()[1]) * 1024
    if limit is not None and used is not None and limit.strip().isdigit():
        cached = sum(map(int, re.findall(r"^(?:in)?active_file (\d+)", stat, re.MULTILINE)))
        free = min(free, int(limit) - int(used) + cached)
    text = f"{needs(needed)}, {free / GIB:.1f} GiB are free"
    if needed <= free:
        return ok("memory", text)
    total = re.search(r"^MemTotal: +(\d+)", meminfo, re.MULTILINE)
    could_fit = total is not None and needed < 1024 * int(total[1])
    return fail("memory", text, f"free some, {SMALLER}" if could_fit else SMALLER)


def judge_gpu_memory(needed: int, shown: str) -> Finding:
    """Compare `needed` bytes on each GPU with the smallest one that NVIDIA_SMI shows, if it shows sizes."""
    sizes = [line.rpartition(", ")[2].strip() for line in shown.splitlines() if line.strip()]
    if not sizes or not all(size.isdigit() for size in sizes):
        return warn("memory", f"{needs(needed)} on each GPU", "how much the GPUs have is not known here")
    smallest = min(map(int, sizes)) * MIB
    text = f"{needs(needed)} on each GPU, the smallest has {smallest / GIB:.1f} GiB"
    return fail("memory", text, SMALLER) if needed > smallest else ok("memory", text)


def needs(needed: int) -> str:
    """Return the sentence of every finding here."""
    return f"the pair needs {needed / GIB:.1f} GiB"
