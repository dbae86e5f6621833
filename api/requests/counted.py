"""Counts the requests of a kind that may be open in limited number only; a route declares it: `dependencies=[LONG]`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from fastapi import Depends, Request

from api.deployment import deployment_of
from api.door.access import caller_of
from api.streams import Waiting

Kind = Literal["streams", "exports", "long_reads", "judgements"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts a request from before its first query until its answer ends, with or without an error.

    Raises LimitReached, at once.
    """

    kind: Kind

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        async with counted(request, self.kind):
            yield


@asynccontextmanager
async def counted(request: Request, kind: Kind) -> AsyncIterator[None]:
    """The same for a part of a request. Raises LimitReached."""
    counts: Waiting = getattr(deployment_of(request), kind)
    owner = caller_of(request).owner
    counts.open_one(owner)
    try:
        yield
    finally:
        counts.close_one(owner)


EVENTS = Depends(Counted("streams"))
EXPORT = Depends(Counted("exports"))
LONG = Depends(Counted("long_reads"))
JUDGEMENT = Depends(Counted("judgements"))
