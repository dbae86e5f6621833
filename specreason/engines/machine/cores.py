"""Which CPUs each engine of a pair computes on, and each of its ranks, when there is no GPU."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def split_cores(cores: list[int], *, ranks: tuple[int, int] = (1, 1)) -> tuple[list[int], list[int]]:
    """Cores for (drafter, base): separate ones, so that many jobs in flight keep both engines busy.

    The base gets the larger part, because it is slower. If there are four cores or more, one is left for the step loops
    and the rest of the machine. An engine whose part has fewer cores than it has `ranks` shares all of them.
    """
    if len(cores) < 2:
        return cores, cores
    usable = cores[:-1] if len(cores) >= 4 else cores
    cut = max(1, len(usable) // 4)
    drafter, base = (
        part if len(part) >= needed else usable
        for part, needed in zip((usable[:cut], usable[cut:]), ranks, strict=True)
    )
    return drafter, base


def cores_of_ranks(cores: list[int], ranks: int) -> list[list[int]]:
    """One part of `cores` for each rank, all of one size: the ranks wait for each other after every layer.

    With fewer cores than ranks, some ranks take turns on a core, which is slow: a rank waits for the others without
    giving its core away.
    """
    if len(cores) < ranks:
        return [[cores[rank % len(cores)]] for rank in range(ranks)]
    size = len(cores) // ranks
    return [cores[rank * size : (rank + 1) * size] for rank in range(ranks)]


def available_cores() -> list[int]:
    """One logical CPU of each physical core this process may use; hyperthreads slow matrix work down."""
    allowed = sorted(os.sched_getaffinity(0))
    return list({_siblings(cpu): cpu for cpu in reversed(allowed)}.values())[::-1]


def _siblings(cpu: int) -> str:
    try:
        return (_TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
