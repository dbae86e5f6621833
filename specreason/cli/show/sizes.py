"""Sizes in bytes, as people read them."""

from __future__ import annotations

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_of(num_bytes: int) -> str:
    """A size in the largest unit that leaves a whole number before the point, such as 3.4 MiB."""
    value, unit = float(num_bytes), UNITS[0]
    for each in UNITS:
        unit = each
        if value < 1024 or each == UNITS[-1]:
            break
        value /= 1024
    return f"{num_bytes:,} bytes" if unit == "bytes" else f"{value:,.1f} {unit}"
