"""What one check of `specreason doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`remedy` is empty where nothing is to be done."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name=name, status="ok", found=found)


def warn(name: str, found: str, remedy: str) -> Finding:
    """Something that may be meant so, or that only some need."""
    return Finding(name=name, status="warn", found=found, remedy=remedy)


def fail(name: str, found: str, remedy: str) -> Finding:
    """Something without which this will not run."""
    return Finding(name=name, status="fail", found=found, remedy=remedy)
