"""Limits the requests of one process that stay open or take long, in total and per owner.

One more is refused at once: none waits in a thread for its turn.
"""

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
# Streams of rows. Each has a thread, and some pages of rows in memory, for as long as its client reads.
MOST_EXPORTS = 16
MOST_EXPORTS_OF_OWNER = 8
# Each holds a thread and a connection to Postgres while it is answered, for seconds if the batch is large.
MOST_READS = 8
MOST_READS_OF_OWNER = 4
# Judgements hold their drafts in memory, too.
MOST_JUDGEMENTS = 3
MOST_JUDGEMENTS_OF_OWNER = 2


class Waiting:
    """The number of requests that wait for their jobs. For the event loop only."""

    what = "chat completions: {} requests"
    retry_after_s = KEEPALIVE_S

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
            raise LimitReached(told, retry_after_s=self.retry_after_s)
        if self.num_open.total() >= most:
            raise LimitReached(f"{self.what.format(most)} are open already", retry_after_s=self.retry_after_s)
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


class Exports(Waiting):
    """The number of open streams of rows."""

    what = "rows: {} streams"

    def limits(self) -> tuple[int, int]:
        return MOST_EXPORTS, MOST_EXPORTS_OF_OWNER


class LongReads(Waiting):
    """The number of requests whose answers take long to find or to compute, such as a comparison or a search."""

    what = "long reads: {} requests"
    retry_after_s = 2

    def limits(self) -> tuple[int, int]:
        return MOST_READS, MOST_READS_OF_OWNER


class Judgements(LongReads):
    """The number of judgements that are being computed."""

    what = "judgements: {} requests"

    def limits(self) -> tuple[int, int]:
        return MOST_JUDGEMENTS, MOST_JUDGEMENTS_OF_OWNER
