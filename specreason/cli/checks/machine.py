"""Checks of the machine: can it hold and run the pair?"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.config import ModelConfig, PairConfig
from specreason.engines.platform import Device, check_platform
from specreason.errors import InputError
from specreason.words import counted

GIB = 1 << 30
OLDEST_PYTHON = (3, 11)
ENOUGH_DISK_BYTES = 5 * GIB  # traces grow; a full disk stops Postgres
CPU_EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # the last ones make bfloat16 fast
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")


def check_python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", version, "install Python 3.11 or newer and make a new environment")
    return ok("python", version)


def check_vllm() -> Finding:
    """Check that an engine can run here: vLLM is installed, and the machine has what its kernels need."""
    try:
        device = check_platform()
    except InputError as error:
        return fail(
            "vllm", str(error), "without it this machine runs the API and the commands, but no worker"
        )
    return ok("vllm", f"built for the {device.upper()}")


def check_cpu() -> Finding:
    """Check the vector extensions that vLLM's CPU build uses."""
    cores = os.cpu_count() or 0
    cpuinfo = _text(Path("/proc/cpuinfo"))
    if platform.machine() != "x86_64" or cpuinfo is None:
        return warn(
            "cpu",
            f"{platform.machine()}, {counted(cores, 'core')}",
            "its extensions are not known; jobs will tell",
        )
    return judge_cpu(cpuinfo, cores)


def judge_cpu(cpuinfo: str, cores: int) -> Finding:
    """`cpuinfo` is the text of /proc/cpuinfo on x86-64."""
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    found = [name for name in CPU_EXTENSIONS if name in line.split()]
    text = f"{counted(cores, 'core')}, {', '.join(found) or 'no vector extensions'}"
    if "avx2" not in found:
        return fail("cpu", text, "vLLM on the CPU needs AVX2: run the worker on another machine, or on a GPU")
    if "avx512f" not in found:
        return warn("cpu", text, "without AVX-512 the CPU build runs its slowest kernels")
    return ok("cpu", text)


def check_gpus(pair: PairConfig | None) -> Finding:
    """Compare the GPUs that the driver shows with the number that the pair needs."""
    needed = max(pair.base.tensor_parallel_size, pair.drafter.tensor_parallel_size) if pair is not None else 1
    if shutil.which(NVIDIA_SMI[0]) is None:
        text = "none (there is no nvidia-smi)"
        if needed > 1:
            return fail("gpus", text, f"this pair is written for {counted(needed, 'GPU')}")
        return ok("gpus", text)
    try:
        shown = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return warn("gpus", f"nvidia-smi fails ({error})", "look at the driver: nvidia-smi")
    return judge_gpus(needed, shown)


def judge_gpus(needed: int, shown: str) -> Finding:
    """Compare `needed` with the output of NVIDIA_SMI. A card that shares the machine's memory names no size."""
    gpus = [line.rpartition(", ") for line in shown.splitlines() if line.strip()]
    text = ", ".join(
        f"{name} ({int(mib) / 1024:.0f} GiB)" if mib.strip().isdigit() else name or mib
        for name, _, mib in gpus
    )
    if len(gpus) < needed:
        return fail("gpus", text or "none", f"this pair is written for {counted(needed, 'GPU')}")
    return ok("gpus", text or "none")


def check_memory(pair: PairConfig) -> Finding:
    """Compare the weights and both KV caches with the free memory. On GPUs the engines check this themselves."""
    if _runs_on_gpus():
        return ok("memory", "the engines check at their start that the pair fits its GPUs")
    needed = sum(_weights_bytes(model) + model.kv_cache_memory_bytes for model in (pair.base, pair.drafter))
    group = Path("/sys/fs/cgroup")
    return judge_memory(
        needed,
        _text(Path("/proc/meminfo")) or "",
        limit=_text(group / "memory.max"),
        used=_text(group / "memory.current"),
    )


def judge_memory(needed: int, meminfo: str, *, limit: str | None, used: str | None) -> Finding:
    """Compare `needed` bytes with /proc/meminfo, and with a container's `limit` less what it has `used`."""
    line = next((line for line in meminfo.splitlines() if line.startswith("MemAvailable:")), None)
    if line is None:
        return warn("memory", f"the pair needs {needed / GIB:.1f} GiB", "how much is free is not known here")
    free = int(line.split()[1]) * 1024
    if limit is not None and used is not None and limit.strip().isdigit():
        free = min(free, int(limit) - int(used))
    text = f"the pair needs {needed / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
    if needed > free:
        return fail("memory", text, "free some, or lower kv_cache_memory_bytes in pairs.toml")
    return ok("memory", text)


def check_models(pair: PairConfig) -> Finding:
    """Check that the weights are here. The first worker fetches models of the hub."""
    for role in ("base", "drafter"):
        model = pair.model(role)
        folder = Path(model.model)
        if folder.is_dir() and not _weights_bytes(model):
            return fail(
                "models", f"{folder} has no weights", "put *.safetensors there, or name another folder"
            )
        if folder.is_absolute() and not folder.is_dir():
            return fail("models", f"{folder} is not there", "mount it, or change pairs.toml")
        if not folder.is_dir():
            return warn(
                "models", f"{model.model} is a model of the hub", "the first worker fetches it: hours, once"
            )
    return ok("models", "both are on this machine")


def check_disk(data_dir: Path) -> Finding:
    """Check the free space for the data of `specreason up`."""
    return _room("disk", data_dir, "traces grow: free some, or name another folder with --data-dir")


def check_files(folder: Path) -> Finding:
    """Check that the API can write to SPECREASON_FILES_DIR. The API makes the folder if it is missing."""
    there = _nearest(folder)
    if not there.is_dir():
        return fail("files", f"{there} is no folder", "name another one in SPECREASON_FILES_DIR")
    if not os.access(there, os.W_OK | os.X_OK):
        found = "cannot be written to" if there == folder else f"is missing, and cannot be made in {there}"
        remedy = "give it to the user that runs the API, or name another one in SPECREASON_FILES_DIR"
        return fail("files", f"{folder} {found}", remedy)
    return _room("files", folder, "uploads grow: free some, or name another folder in SPECREASON_FILES_DIR")


def _room(name: str, folder: Path, remedy: str) -> Finding:
    free = shutil.disk_usage(_nearest(folder)).free
    text = f"{free / GIB:.1f} GiB free in {folder}"
    return warn(name, text, remedy) if free < ENOUGH_DISK_BYTES else ok(name, text)


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _text(path: Path) -> str | None:
    """Return the text of a file, None if the system has no such file."""
    try:
        return path.read_text()
    except OSError:
        return None


def _weights_bytes(model: ModelConfig) -> int:
    """Return the size of the weights on disk, 0 if they are not on this machine."""
    folder = Path(model.model)
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def _runs_on_gpus() -> bool:
    try:
        return check_platform() is Device.GPU
    except InputError:
        return False
