"""Who asks, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`owner` owns what this caller creates; `sees_only` is the owner whose things it may see, None: everyone's."""

    owner: str | None = None
    sees_only: str | None = None


def caller_of(request: Request) -> Caller:
    """Whoever sent `request`. Without keys that is nobody in particular, who sees everything."""
    caller: Caller = getattr(request.state, "caller", Caller())
    return caller
