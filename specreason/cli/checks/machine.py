"""Checks of the machine: its Python, vLLM and its CPU."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.engines.machine.memory import text_of
from specreason.engines.machine.platform import Device, check_platform
from specreason.errors import InputError
from specreason.words import counted

OLDEST_PYTHON = (3, 11)
CPU_EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # the last ones make bfloat16 fast


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


def runs_on_gpus() -> bool:
    """Return whether the vLLM that is installed runs models on GPUs."""
    return device_here() is Device.GPU


def device_here() -> Device | None:
    """Return what the vLLM that is installed runs models on, None if it cannot run here."""
    try:
        return check_platform()
    except InputError:
        return None
