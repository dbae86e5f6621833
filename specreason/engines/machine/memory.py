"""The memory of this machine: what is free of its own, and which GPUs it has."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from specreason.planning.cards import Cards, cards_of

FIELDS = ("index", "uuid", "name", "memory.total", "memory.used")
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def machine_cards(*, needed: int | None = None) -> Cards | None:
    """Return the GPUs that this process sees, None if nvidia-smi does not tell. The first `needed` of them decide."""
    try:
        shown = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return cards_shown(shown, visible=os.environ.get("CUDA_VISIBLE_DEVICES"), needed=needed)


def cards_shown(shown: str, *, visible: str | None, needed: int | None = None) -> Cards | None:
    """Read the output of NVIDIA_SMI. `visible` is CUDA_VISIBLE_DEVICES: numbers, or beginnings of UUIDs, in order.

    None if there is no card, or if one does not tell its memory, as one that shares the machine's memory.
    """
    rows = [[part.strip() for part in line.split(",")] for line in shown.splitlines() if line.strip()]
    if any(len(row) != len(FIELDS) for row in rows):
        return None
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
        rows = [row for name in names for row in rows if row[0] == name or row[1].startswith(name)]
    if not all(total.isdigit() and used.isdigit() for *_, total, used in rows):
        return None
    return cards_of([(name, int(total), int(used)) for _, _, name, total, used in rows], needed=needed)


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
