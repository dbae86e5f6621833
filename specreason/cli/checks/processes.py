"""Checks of what the processes of vLLM need beside memory: shared memory, cores, and a C compiler for Triton."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.machine import runs_on_gpus
from specreason.engines.machine.memory import text_of
from specreason.pairs import PairConfig
from specreason.words import counted

MIB = 1 << 20
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (the file system itself, not a file in it)
# Rings through which an engine with several ranks talks to them: one to all ranks, of 10 pieces of 16 MiB, and one
# from each, of 10 pieces of 24 MiB (vLLM's v1/executor/multiproc_executor.py and shm_broadcast.py).
RING_TO_RANKS_BYTES = 160 * MIB
RING_FROM_RANK_BYTES = 240 * MIB
# The step loops with the API's client, and the supervisor with the grader.
OWN_CORES = 2


def check_processes(pair: PairConfig, *, is_up: bool = False) -> list[Finding]:
    """Compare this machine with what the pair's engines need as processes.

    `is_up`: they run, or are starting, so that their own rings are part of the shared memory in use.
    """
    findings = []
    needed = shared_memory_needed(pair)
    if needed and not is_up and SHARED_MEMORY.is_dir():
        findings.append(judge_shared_memory(needed, shutil.disk_usage(SHARED_MEMORY).free))
    if runs_on_gpus():
        include = python_headers()
        findings += [
            judge_cores(cores_needed(pair), usable_cores()),
            judge_compiler(c_compiler(), include, has_headers=(include / "Python.h").is_file()),
        ]
    return findings


def shared_memory_needed(pair: PairConfig) -> int:
    """Return the bytes of all rings; an engine with one rank has none."""
    ranks = [model.tensor_parallel_size for model in (pair.base, pair.drafter)]
    return sum(RING_TO_RANKS_BYTES + count * RING_FROM_RANK_BYTES for count in ranks if count > 1)


def judge_shared_memory(needed: int, free: int) -> Finding:
    """Compare bytes. A container has 64 MiB unless it is told otherwise."""
    text = f"{free / MIB:,.0f} MiB are free in {SHARED_MEMORY}, the engines' ranks need {needed / MIB:,.0f}"
    if free >= needed:
        return ok("shared memory", text)
    return fail(
        "shared memory",
        text,
        "give the container more: docker run --shm-size=10g, shm_size in Compose, an emptyDir of medium Memory at "
        f"{SHARED_MEMORY} in Kubernetes",
    )


def cores_needed(pair: PairConfig) -> int:
    """Return how many cores a worker on GPUs keeps busy: each engine and each rank waits for the other by polling."""
    return OWN_CORES + sum(model.tensor_parallel_size + 1 for model in (pair.base, pair.drafter))


def judge_cores(needed: int, usable: int) -> Finding:
    text = f"{counted(usable, 'core')} for this worker, whose processes keep {needed} busy"
    if usable >= needed:
        return ok("cores", text)
    return warn("cores", text, "give it more, or steps wait for the CPU and not for the GPUs")


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and a container's quota rounded up."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota = parse_quota(text_of(Path("/sys/fs/cgroup/cpu.max")) or "")
    return allowed if quota is None else min(allowed, quota)


def parse_quota(shown: str) -> int | None:
    """Read cpu.max of a cgroup, "200000 100000" for two cores; None if there is no limit."""
    quota, _, period = shown.strip().partition(" ")
    return -(-int(quota) // int(period)) if quota.isdigit() and period.isdigit() else None


def c_compiler() -> str | None:
    """Return the compiler that Triton takes, in its order."""
    return os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")


def python_headers() -> Path:
    """Return the folder where Triton looks for Python.h."""
    scheme = sysconfig.get_default_scheme()
    return Path(sysconfig.get_path("include", "posix_prefix" if scheme == "posix_local" else scheme))


def judge_compiler(compiler: str | None, include: Path, *, has_headers: bool) -> Finding:
    """Triton compiles the launchers of its kernels at their first use."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if compiler is None:
        return fail("compiler", "there is none for C", "Triton needs one: apt install gcc, or name it in CC")
    if not has_headers:
        return fail(
            "compiler",
            f"{compiler}, but no Python.h in {include}",
            f"Triton needs Python's headers: apt install python{version}-dev",
        )
    return ok("compiler", compiler)
