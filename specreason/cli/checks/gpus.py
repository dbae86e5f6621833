"""Checks of NVIDIA's GPUs and their driver. One query of nvidia-smi answers them all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.machine import runs_on_gpus
from specreason.pairs import PairConfig
from specreason.words import counted

# In the order of the fields of `Gpu`.
FIELDS = ("index", "name", "driver_version", "compute_cap", "memory.used", "memory.total")
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
# NVIDIA's own, AMD's, and the one of Windows' Linux.
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# The wheels of torch and vLLM are built with CUDA 13, which the driver R580 is the first to run.
OLDEST_DRIVER = 580
# Ampere: the first with bfloat16, and the oldest that FlashAttention has kernels for.
OLDEST_CAPABILITY = (8, 0)
# The driver itself and a desktop use less than this on a card that nobody computes on.
IDLE_MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One line of NVIDIA_SMI. None: the driver does not say, as of a card that shares the machine's memory."""

    index: int
    name: str
    driver: str | None
    capability: tuple[int, int] | None
    used_mib: int | None
    total_mib: int | None

    @property
    def too_old(self) -> bool:
        return self.capability is not None and self.capability < OLDEST_CAPABILITY


def check_gpus(pair: PairConfig | None) -> list[Finding]:
    """Compare the GPUs and their driver with what the pair and the installed vLLM need."""
    needed = gpus_needed(pair)
    if not runs_on_gpus():
        return [_unused(needed)]
    try:
        gpus = parse_gpus(shown_gpus())
    except FileNotFoundError:
        return [_gpus_without_nvidia_smi()]
    except (OSError, subprocess.SubprocessError) as error:
        return [warn("gpus", f"nvidia-smi fails ({error})", "look at the driver: nvidia-smi")]
    return [judge_gpus(needed, gpus), *judge_driver(gpus, has_compatibility=_has_compatibility())]


def check_free_gpus(pair: PairConfig | None) -> list[Finding]:
    """Look for as many GPUs as the pair needs that nothing computes on. No finding where that is not known."""
    try:
        return judge_use(gpus_needed(pair), parse_gpus(shown_gpus())) if runs_on_gpus() else []
    except (OSError, subprocess.SubprocessError):
        return []


def gpus_needed(pair: PairConfig | None) -> int:
    """Return how many GPUs the pair spreads over; 1 if it is not known."""
    return 1 if pair is None else max(pair.base.tensor_parallel_size, pair.drafter.tensor_parallel_size)


@cache
def shown_gpus() -> str:
    """Return the output of NVIDIA_SMI, which is asked once. Raises OSError or SubprocessError if it fails."""
    return subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20, check=True).stdout


def parse_gpus(shown: str) -> list[Gpu]:
    """Read the output of NVIDIA_SMI. A line that is no card, such as "No devices were found", is left out."""
    rows = [[value.strip() for value in line.split(",")] for line in shown.splitlines()]
    return [
        Gpu(
            index=int(index),
            name=name,
            driver=driver if driver[:1].isdigit() else None,
            capability=_capability(capability),
            used_mib=int(used) if used.isdigit() else None,
            total_mib=int(total) if total.isdigit() else None,
        )
        for index, name, driver, capability, used, total in (row for row in rows if len(row) == len(FIELDS))
    ]


def judge_gpus(needed: int, gpus: Sequence[Gpu]) -> Finding:
    """Compare the number of GPUs, and of those that are new enough, with the number that the pair needs."""
    text = ", ".join(_with_size(gpu) for gpu in gpus) or "none"
    if len(gpus) < needed:
        return fail("gpus", text, too_few_gpus(needed))
    old = [gpu for gpu in gpus if gpu.too_old]
    if not old:
        return ok("gpus", text)
    which = " and ".join(f"GPU {gpu.index} has compute capability {_dotted(gpu.capability)}" for gpu in old)
    oldest = f"vLLM needs {_dotted(OLDEST_CAPABILITY)} (Ampere) or newer"
    if len(gpus) - len(old) < needed:
        return fail("gpus", f"{text}; {which}", f"{oldest}: run the worker on a machine with newer cards")
    return warn("gpus", f"{text}; {which}", f"{oldest}: leave it out with `specreason worker --gpu`")


def judge_driver(gpus: Sequence[Gpu], *, has_compatibility: bool) -> Iterator[Finding]:
    """Compare the driver with the oldest that runs CUDA 13. No finding without a card.

    `has_compatibility`: NVIDIA's package cuda-compat, which lets an older driver do so, is switched on.
    """
    if not gpus:
        return
    version = gpus[0].driver
    if version is None:
        yield warn("driver", "its version is not known", f"vLLM needs {OLDEST_DRIVER} or newer: nvidia-smi")
    elif int(version.partition(".")[0]) >= OLDEST_DRIVER:
        yield ok("driver", version)
    elif has_compatibility:
        yield warn("driver", f"{version}, with CUDA's compatibility package", "the worker's log will tell")
    else:
        yield fail(
            "driver", version, f"vLLM is built with CUDA 13: install NVIDIA's driver {OLDEST_DRIVER} or newer"
        )


def judge_use(needed: int, gpus: Sequence[Gpu]) -> list[Finding]:
    """Say which GPUs are free. Other processes' memory is neither for weights nor for KV caches."""
    known = [(gpu, gpu.used_mib) for gpu in gpus if gpu.used_mib is not None]
    if not known or len(known) < len(gpus):
        return []
    free = [str(gpu.index) for gpu, used in known if used < IDLE_MIB]
    busy = [f"GPU {gpu.index} has {used / 1024:.1f} GiB in use" for gpu, used in known if used >= IDLE_MIB]
    text = "; ".join([*([f"free: {','.join(free)}"] if free else []), *busy])
    if len(free) >= needed:
        return [ok("gpu use", text)]
    remedy = f"the pair needs {counted(needed, 'GPU')} that nothing else uses: end what nvidia-smi lists, or let it run"
    return [warn("gpu use", text, f"{remedy} if it is the worker of this pair")]


def too_few_gpus(needed: int) -> str:
    """Return the remedy for a machine with fewer GPUs than the pair is written for."""
    return (
        f"this pair is written for {counted(needed, 'GPU')}: name another one with --pair, "
        "or lower tensor_parallel_size in pairs.toml"
    )


def _unused(needed: int) -> Finding:
    text = "none are used: vLLM is built for the CPU"
    if needed == 1:
        return ok("gpus", text)
    return fail("gpus", text, f"{too_few_gpus(needed)}; `make gpu` installs vLLM for GPUs")


def _gpus_without_nvidia_smi() -> Finding:
    if any(map(os.path.exists, GPU_DEVICES)):
        return warn("gpus", "there is no nvidia-smi that counts them", "the worker's log will tell")
    return fail(
        "gpus",
        "none (there is no nvidia-smi)",
        "vLLM is built for GPUs here: install NVIDIA's driver, or specreason[cpu] in an environment of its own",
    )


def _has_compatibility() -> bool:
    return os.environ.get("VLLM_ENABLE_CUDA_COMPATIBILITY", "").strip().lower() in ("1", "true")


def _with_size(gpu: Gpu) -> str:
    return gpu.name if gpu.total_mib is None else f"{gpu.name} ({gpu.total_mib / 1024:.0f} GiB)"


def _capability(text: str) -> tuple[int, int] | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(map(str, capability or ()))
