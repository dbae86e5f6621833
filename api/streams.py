"""Limits the requests of one process that stay open, in total and per owner: streams of events, chat completions."""

from __future__ import annotations

from collections import Counter

from specreason.errors import LimitReached
from specreason.store.read.events import HighWaterMark
from specreason.store.session import Database

KEEPALIVE_S = 15  # a stream sends a comment after this long without an event
MOST_STREAMS = 256
MOST_OF_OWNER = 32
# Chat completions, waiting or streamed. They look at the database together, and so cost less than streams of events.
MOST_WAITING = 256
MOST_WAITING_OF_OWNER = 64


class Waiting:
    """The number of requests that wait for their jobs. For the event loop only."""

    what = "chat completions: {} requests"

    def __init__(self) -> None:
        self.num_open: Counter[str | None] = Counter()  # by owner

    def limits(self) -> tuple[int, int]:
        """How many may be open in total, and of one owner."""
        return MOST_WAITING, MOST_WAITING_OF_OWNER

    def open_one(self, owner: str | None) -> None:
        """Count one more. Raises LimitReached."""
        most, most_of_owner = self.limits()
        if owner is not None and self.num_open[owner] >= most_of_owner:
            told = f"{self.what.format(most_of_owner)} of yours are open already"
            raise LimitReached(told, retry_after_s=KEEPALIVE_S)
        if self.num_open.total() >= most:
            raise LimitReached(f"{self.what.format(most)} are open already", retry_after_s=KEEPALIVE_S)
        self.num_open[owner] += 1

    def close_one(self, owner: str | None) -> None:
        # Unlike `subtract`, `-=` drops owners whose count is zero.
        self.num_open -= Counter([owner])


class Streams(Waiting):
    """The number of open streams of events, and the high-water mark that they share. For the event loop only."""

    what = "events: {} streams"

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.high_water_mark = HighWaterMark(database)

    def limits(self) -> tuple[int, int]:
        return MOST_STREAMS, MOST_OF_OWNER
