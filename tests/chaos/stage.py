"""Everything that a monkey can break, and the repairs that are due."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from specreason.store.session import Database
from tests.chaos.api import Api
from tests.chaos.broker import Broker
from tests.chaos.fleet import Fleet
from tests.chaos.look import Look, look
from tests.chaos.servers import KillableServers

AGAIN_S = 0.5
CALM_S = 6.0  # from a repair until clients have found their servers again: Celery tries after 2 s and 6 s


@dataclass(slots=True, kw_only=True)
class Stage:
    """Main thread only: servers die with the thread that started them."""

    servers: KillableServers
    fleet: Fleet
    api: Api
    database: Database
    broker: Broker
    lease_s: float
    slots: int
    _repaired_at: float = field(default=-CALM_S)
    _repairs: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def look(self) -> Look | None:
        return look(self.database)

    @property
    def calm(self) -> bool:
        """Whether both servers run, have done so for a while, and no worker is frozen."""
        return not self._repairs and time.monotonic() > self._repaired_at + CALM_S

    def later(self, delay_s: float, repair: Callable[[], None]) -> None:
        heapq.heappush(self._repairs, (time.monotonic() + delay_s, next(self._order), repair))

    def later_until_done(self, delay_s: float, repair: Callable[[], bool]) -> None:
        """A repair that may fail while something else is broken."""

        def attempt() -> None:
            if not repair():
                self.later_until_done(AGAIN_S, repair)

        self.later(delay_s, attempt)

    def tend(self) -> None:
        """Do the repairs that are due, and start workers again that have ended."""
        while self._repairs and self._repairs[0][0] <= time.monotonic():
            heapq.heappop(self._repairs)[2]()
            self._repaired_at = time.monotonic()
        self.fleet.tend()
        self.api.tend()

    def heal(self) -> None:
        """Do every repair now, those of servers first: they cannot fail."""
        while self._repairs:
            heapq.heappop(self._repairs)[2]()
            self.api.tend()
