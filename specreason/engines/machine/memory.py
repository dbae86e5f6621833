"""The memory of this machine without a GPU: what is free of it."""

from __future__ import annotations

import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Return the bytes that this process may still take without a GPU, None if the system does not say."""
    return free_bytes(
        text_of(MEMINFO) or "",
        limit=text_of(_GROUP / "memory.max"),
        used=text_of(_GROUP / "memory.current"),
        stat=text_of(_GROUP / "memory.stat") or "",
    )


def free_bytes(meminfo: str, *, limit: str | None, used: str | None, stat: str) -> int | None:
    """Return what /proc/meminfo says is free, or a container's `limit` less what it has `used`, if that is less.

    Of `used`, what caches files does not count, as `stat` tells: the kernel drops it for whoever needs memory.
    """
    available = re.search(r"^MemAvailable: +(\d+)", meminfo, re.MULTILINE)
    if available is None:
        return None
    free = 1024 * int(available[1])
    if limit is not None and used is not None and limit.strip().isdigit():
        cached = sum(map(int, re.findall(r"^(?:in)?active_file (\d+)", stat, re.MULTILINE)))
        free = min(free, int(limit) - int(used) + cached)
    return free


def text_of(path: Path) -> str | None:
    """Return the text of a file, None if the system has no such file."""
    try:
        return path.read_text()
    except OSError:
        return None
