"""Checks of the machine: its Python, vLLM, its CPU and its GPUs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.engines.platform import Device, check_platform
from specreason.errors import InputError
from specreason.pairs import PairConfig
from specreason.words import counted

OLDEST_PYTHON = (3, 11)
CPU_EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # the last ones make bfloat16 fast
# NVIDIA's own, AMD's, and the one of Windows' Linux.
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")


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
    """Check the vector extensions that vLLM's CPU build uses; on GPUs they do not matter."""
    cores = os.cpu_count() or 0
    if runs_on_gpus():
        return ok("cpu", counted(cores, "core"))
    cpuinfo = text_of(Path("/proc/cpuinfo"))
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
        return _gpus_without_nvidia_smi(needed, on_gpus=runs_on_gpus())
    try:
        shown = shown_gpus()
    except (OSError, subprocess.SubprocessError) as error:
        return warn("gpus", f"nvidia-smi fails ({error})", "look at the driver: nvidia-smi")
    return judge_gpus(needed, shown)


def _gpus_without_nvidia_smi(needed: int, *, on_gpus: bool) -> Finding:
    text = "none (there is no nvidia-smi)"
    if not on_gpus:
        return fail("gpus", text, too_few_gpus(needed)) if needed > 1 else ok("gpus", text)
    if any(map(os.path.exists, GPU_DEVICES)):
        return warn("gpus", "there is no nvidia-smi that counts them", "the worker's log will tell")
    return fail("gpus", text, "vLLM is built for GPUs here: install specreason[cpu], or look at the driver")


def shown_gpus() -> str:
    """Return the output of NVIDIA_SMI. Raises OSError or SubprocessError where the driver does not work."""
    return subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20, check=True).stdout


def judge_gpus(needed: int, shown: str) -> Finding:
    """Compare `needed` with the output of NVIDIA_SMI. A card that shares the machine's memory names no size."""
    gpus = [line.rpartition(", ") for line in shown.splitlines() if line.strip()]
    text = ", ".join(
        f"{name} ({int(mib) / 1024:.0f} GiB)" if mib.strip().isdigit() else name or mib
        for name, _, mib in gpus
    )
    if len(gpus) < needed:
        return fail("gpus", text or "none", too_few_gpus(needed))
    return ok("gpus", text or "none")


def too_few_gpus(needed: int) -> str:
    """Return the remedy for a machine with fewer GPUs than the pair is written for."""
    return (
        f"this pair is written for {counted(needed, 'GPU')}: name another one with --pair, "
        "or lower tensor_parallel_size in pairs.toml"
    )


def runs_on_gpus() -> bool:
    """Return whether the vLLM that is installed runs models on GPUs."""
    try:
        return check_platform() is Device.GPU
    except InputError:
        return False


def text_of(path: Path) -> str | None:
    """Return the text of a file, None if the system has no such file."""
    try:
        return path.read_text()
    except OSError:
        return None
