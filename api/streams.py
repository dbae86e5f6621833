"""Limits the event streams of one process, in total and per owner."""

from __future__ import annotations

from collections import Counter

from specreason.errors import LimitReached
from specreason.store.read.events import HighWaterMark
from specreason.store.session import Database

KEEPALIVE_S = 15  # a stream sends a comment after this long without an event
MOST_STREAMS = 256
MOST_OF_OWNER = 32


class Streams:
    """The number of open streams, and the high-water mark that they share. For the event loop only."""

    def __init__(self, database: Database) -> None:
        self.high_water_mark = HighWaterMark(database)
        self.num_open: Counter[str | None] = Counter()  # by owner

    def open_one(self, owner: str | None) -> None:
        """Count one more. Raises LimitReached."""
        if owner is not None and self.num_open[owner] >= MOST_OF_OWNER:
            raise LimitReached(
                f"events: {MOST_OF_OWNER} of your streams are open already", retry_after_s=KEEPALIVE_S
            )
        if self.num_open.total() >= MOST_STREAMS:
            raise LimitReached(f"events: {MOST_STREAMS} streams are open already", retry_after_s=KEEPALIVE_S)
        self.num_open[owner] += 1

    def close_one(self, owner: str | None) -> None:
        # Unlike `subtract`, `-=` drops owners whose count is zero.
        self.num_open -= Counter([owner])
