"""Checks of the GPUs that this process may use, and of their driver. One query of nvidia-smi answers them all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.machine import runs_on_gpus
from specreason.engines.machine.gpus import VISIBLE, Gpu, visible_gpus
from specreason.errors import EngineDead, InputError, SpecReasonError
from specreason.pairs import PairConfig
from specreason.words import counted, shown

# NVIDIA's own, AMD's, and the one of Windows' Linux.
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# The wheels of torch and vLLM are built with CUDA 13, which the driver R580 is the first to run.
OLDEST_DRIVER = 580
# Ampere: the first with bfloat16, and the oldest that FlashAttention has kernels for.
OLDEST_CAPABILITY = (8, 0)
# The driver itself and a desktop use less than this on a card that nobody computes on.
IDLE_MIB = 1024


def check_gpus(pair: PairConfig | None) -> list[Finding]:
    """Compare the GPUs and their driver with what the pair and the installed vLLM need."""
    needed = _needed(pair)
    if not runs_on_gpus():
        return [_unused(needed)]
    try:
        gpus = seen_gpus()
    except EngineDead as error:
        return [warn("gpus", str(error), "look at the driver: nvidia-smi")]
    except InputError as error:
        return [fail("gpus", str(error), "`nvidia-smi -L` lists this machine's GPUs")]
    if gpus is None:
        return [_gpus_without_nvidia_smi()]
    found = judge_gpus(needed, gpus, visible=os.environ.get(VISIBLE))
    return [found, *judge_driver(gpus, has_compatibility=_has_compatibility())]


def check_free_gpus(pair: PairConfig | None) -> list[Finding]:
    """Look for as many GPUs as the pair needs that nothing computes on. No finding where that is not known."""
    try:
        return judge_use(_needed(pair), seen_gpus() or ()) if runs_on_gpus() else []
    except SpecReasonError:
        return []


def seen_gpus() -> tuple[Gpu, ...] | None:
    """Return and raise what visible_gpus does, which all checks together ask once, even if it fails."""
    answer = answer_once()
    if isinstance(answer, SpecReasonError):
        raise answer
    return answer


@cache
def answer_once() -> tuple[Gpu, ...] | SpecReasonError | None:
    """Return what visible_gpus returns or raises."""
    try:
        return visible_gpus()
    except SpecReasonError as error:
        return error


def judge_gpus(needed: int, gpus: Sequence[Gpu], *, visible: str | None = None) -> Finding:
    """Compare the number of GPUs, and of those that are new enough, with the number that the pair needs.

    `visible` is CUDA_VISIBLE_DEVICES, if it has chosen them.
    """
    text = ", ".join(_with_size(gpu) for gpu in gpus) or "none"
    if visible is not None:
        text += f" ({VISIBLE} is {shown(visible)})"
    if len(gpus) < needed:
        return fail("gpus", text, too_few_gpus(needed))
    old = [gpu for gpu in gpus if _is_too_old(gpu)]
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


def _needed(pair: PairConfig | None) -> int:
    return 1 if pair is None else pair.num_devices


def _is_too_old(gpu: Gpu) -> bool:
    return gpu.capability is not None and gpu.capability < OLDEST_CAPABILITY


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


def _dotted(capability: tuple[int, int] | None) -> str:
    return ".".join(map(str, capability or ()))
