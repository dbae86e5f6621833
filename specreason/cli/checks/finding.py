"""The finding of one check of `specreason doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`remedy` is empty if there is nothing to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name=name, status="ok", found=found)


def warn(name: str, found: str, remedy: str) -> Finding:
    """Return a finding that may be intended, or that matters to some users only."""
    return Finding(name=name, status="warn", found=found, remedy=remedy)


def fail(name: str, found: str, remedy: str) -> Finding:
    """Return a finding that keeps jobs from running."""
    return Finding(name=name, status="fail", found=found, remedy=remedy)
