"""Everything that a monkey can break, and the repairs that are due."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from specreason.store.session import Database
from tests.chaos.deployment.api import ApiProcess
from tests.chaos.deployment.broker import Broker
from tests.chaos.deployment.fleet import Fleet
from tests.chaos.deployment.servers import KillableServers
from tests.chaos.snapshot import QueueSnapshot, snapshot
from tests.support.servers.proxy import Proxy

AGAIN_S = 0.5
CALM_S = 6.0  # from a repair until clients have found their servers again


@dataclass(slots=True, kw_only=True)
class Stage:
    """The deployment of the run. Call it on the main thread only: servers die with the thread that started them."""

    servers: KillableServers
    fleet: Fleet
    api: ApiProcess
    database: Database
    broker: Broker
    wire: Proxy  # between the workers and the broker
    lease_s: float
    slots: int
    _repaired_at: float = field(default=-CALM_S)
    _repairs: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _wishes: list[tuple[float, int, Callable[[], bool]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def snapshot(self) -> QueueSnapshot | None:
        return snapshot(self.database)

    @property
    def calm(self) -> bool:
        """Whether both servers run, have done so for a while, and no worker is frozen."""
        return not self._repairs and time.monotonic() > self._repaired_at + CALM_S

    def later(self, delay_s: float, repair: Callable[[], None]) -> None:
        heapq.heappush(self._repairs, (time.monotonic() + delay_s, next(self._order), repair))

    def ask_later(self, delay_s: float, wish: Callable[[], bool]) -> None:
        """After `delay_s` seconds, repeat a request to the API until it is carried out."""
        heapq.heappush(self._wishes, (time.monotonic() + delay_s, next(self._order), wish))

    def tend(self) -> None:
        """Do the repairs that are due, and start workers again that have ended."""
        while self._repairs and self._repairs[0][0] <= time.monotonic():
            heapq.heappop(self._repairs)[2]()
            self._repaired_at = time.monotonic()
        while self._wishes and self._wishes[0][0] <= time.monotonic():
            wish = heapq.heappop(self._wishes)[2]
            if not wish():
                self.ask_later(AGAIN_S, wish)
                break
        self.fleet.tend()
        self.api.tend()

    def heal(self) -> None:
        """Do every repair now."""
        while self._repairs:
            heapq.heappop(self._repairs)[2]()

    def undo_controls(self) -> None:
        """Resume every paused batch, and queue cancelled jobs again. A control whose answer was lost may come late."""
        seen = self.snapshot()
        if seen is None:
            return
        for batch_id in seen.paused_batches:
            self.api.post(f"/api/batches/{batch_id}/resume")
        for job_id in seen.cancelled:
            self.api.post(f"/api/jobs/{job_id}/requeue")
