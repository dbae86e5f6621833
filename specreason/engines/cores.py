"""Which CPUs each engine of a pair computes on, when there is no GPU."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def split_cores(cores: list[int]) -> tuple[list[int], list[int]]:
    """Cores for (drafter, base): separate ones, so that many jobs in flight keep both engines busy.

    The base gets the larger part, because it is slower. If there are four cores or more, one is left for the step loops
    and the rest of the machine.
    """
    if len(cores) < 2:
        return cores, cores
    usable = cores[:-1] if len(cores) >= 4 else cores
    cut = max(1, len(usable) // 4)
    return usable[:cut], usable[cut:]


def available_cores() -> list[int]:
    """One logical CPU of each physical core this process may use; hyperthreads slow matrix work down."""
    allowed = sorted(os.sched_getaffinity(0))
    return list({_siblings(cpu): cpu for cpu in reversed(allowed)}.values())[::-1]


def _siblings(cpu: int) -> str:
    try:
        return (_TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
