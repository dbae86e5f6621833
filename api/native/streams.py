"""How many streams of events one process serves, in all and for each owner."""

from __future__ import annotations

from collections import Counter

from specreason.errors import LimitReached
from specreason.store.read.events import HighWaterMark
from specreason.store.session import Database

KEEPALIVE_S = 15  # a stream says so much after so long without an event
MOST_STREAMS = 256  # in one process
MOST_OF_OWNER = 32  # of them


class Streams:
    """The open streams, and what they share. For the event loop only."""

    def __init__(self, database: Database) -> None:
        self.settled = HighWaterMark(database)
        self.num_open: Counter[str | None] = Counter()  # by owner

    def open_one(self, owner: str | None) -> None:
        """Count one more. Raises LimitReached."""
        if owner is not None and self.num_open[owner] >= MOST_OF_OWNER:
            raise LimitReached(
                f"events: {MOST_OF_OWNER} streams of yours are open already", retry_after_s=KEEPALIVE_S
            )
        if self.num_open.total() >= MOST_STREAMS:
            raise LimitReached(f"events: {MOST_STREAMS} streams are open already", retry_after_s=KEEPALIVE_S)
        self.num_open[owner] += 1

    def close_one(self, owner: str | None) -> None:
        self.num_open -= Counter([owner])  # keeps no zeros
