"""A request that waits for its jobs: when it gives up, and how it learns that its client has gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from api.watch import Followed


@dataclass(slots=True)
class Ticket:
    """A request from its arrival to the end of its answer. `until` is in seconds of `time.monotonic`.

    `is_over`: the answer has all that its jobs gave. `may_return`: the client can ask for the same batch again.
    """

    until: float
    batch_id: UUID | None = None
    is_over: bool = False
    may_return: bool = False


async def has_ended(request: Request, followed: Followed) -> bool:
    """Wait until all jobs have ended; False as soon as the client has gone. Raises as `Followed.news` does."""
    ended = asyncio.create_task(_ended(followed))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
        return ended.done()
    finally:
        ended.cancel()
        gone.cancel()


async def _ended(followed: Followed) -> None:
    while not all(job.state.ended for job in await followed.news()):
        pass


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
