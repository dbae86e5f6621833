"""Counts events as they come, for one process: from its start on, each once. Reads the log by its primary key."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from specreason.store.read.events import HighWaterMark, newest_id
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import event
from specreason.store.tables.states import AttemptOutcome, EventKind

# Events of one look; after a long time without looks the rest follows in the next ones.
MOST_EVENTS = 200_000


@dataclass(frozen=True, slots=True)
class WhatHappened:
    """The kind of an event, and the outcome of the attempt that it ended, if it ended one.

    Words of the tables. During an upgrade the log has words of the newer version, too.
    """

    kind: str
    outcome: str | None = None


# What is counted from the first look on, so that a first event is seen as a change from 0.
KNOWN = (
    *(WhatHappened(kind) for kind in EventKind if kind is not EventKind.JOB_ENDED),
    *(
        WhatHappened(EventKind.JOB_REQUEUED, outcome)
        for outcome in (AttemptOutcome.ERROR, AttemptOutcome.RELEASED, AttemptOutcome.LOST)
    ),
    *(
        WhatHappened(EventKind.JOB_ENDED, outcome)
        for outcome in AttemptOutcome
        if outcome is not AttemptOutcome.RELEASED
    ),
)


class EventCounts:
    """The events of all owners since the first call of `read`. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark = HighWaterMark(database)
        self._lock = threading.Lock()
        self._last: int | None = None
        self._counts: Counter[WhatHappened] = Counter(dict.fromkeys(KNOWN, 0))

    def read(self) -> Mapping[WhatHappened, int]:
        """The counts now; they never go down. Raises StoreUnavailable."""
        with self._lock:
            if self._last is None:
                # Not the mark: that is 0 until the transactions that write now have ended.
                self._last = newest_id(self._database)
            up_to = min(self._mark.latest(), self._last + MOST_EVENTS)
            if up_to > self._last:
                self._count(self._last, up_to)
                self._last = up_to
            return dict(self._counts)

    def _count(self, after: int, up_to: int) -> None:
        groups = (
            select(event.c.kind, event.c.outcome, func.count().label("number"))
            .where(event.c.id > after, event.c.id <= up_to)
            .group_by(event.c.kind, event.c.outcome)
        )
        with transaction(self._database) as connection:
            rows = connection.execute(groups).all()
        for row in rows:
            self._counts[WhatHappened(row.kind, row.outcome)] += row.number
