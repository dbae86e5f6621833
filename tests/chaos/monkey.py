"""The monkey: draws faults from a seeded, shuffled deck, and keeps still before and while a recovery is watched."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from tests.chaos.deployment.stage import Stage
from tests.chaos.faults import INJECT, WATCHED_KILLS, Fault, FaultKind

WATCH_PAST_LEASE_S = 6.0


class Monkey:
    """Call `tick` often. The order of the faults is the seed's; their moments are the machine's."""

    def __init__(
        self,
        stage: Stage,
        deck: Mapping[FaultKind, int],
        *,
        gap_s: float,
        patience_s: float,
        rng: random.Random,
        once: FaultKind | None = None,
        once_after_s: float = 0.0,
    ) -> None:
        """`patience_s`: most that a watched kill waits for everything else to be in order.

        `once` is played a single time, at the first chance after `once_after_s`.
        """
        self._stage = stage
        self._once = once
        self._once_at = time.monotonic() + once_after_s
        self._cards = [kind for kind, number in deck.items() for _ in range(number)]
        self._gap_s = gap_s
        self._patience_s = patience_s
        self._rng = rng
        self._hand: list[FaultKind] = []
        self._next_at = time.monotonic()
        self._watching: Fault | None = None
        self._watch_until = 0.0
        self.faults: list[Fault] = []

    @property
    def watching(self) -> bool:
        return self._watching is not None

    def tick(self) -> None:
        """Inject the next fault that is possible, if its time has come."""
        if self._watching is not None:
            self._watch(self._watching)
        elif time.monotonic() >= self._next_at:
            self._play()

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(str(fault.kind) for fault in self.faults).items()))

    def _play(self) -> None:
        if self._once is not None and time.monotonic() >= self._once_at:
            self._hand.insert(0, self._once)
            self._once = None
        if len(self._hand) <= len(self._cards) // 4:  # what is left may be impossible for long
            self._hand += self._rng.sample(self._cards, k=len(self._cards))
        if self._hand[0] in WATCHED_KILLS and time.monotonic() < self._next_at + self._patience_s:
            self._try([0])
        else:
            self._try(range(len(self._hand)))

    def _try(self, places: Iterable[int]) -> None:
        """Play the first of these cards that can be played now."""
        for place in places:
            fault = INJECT[self._hand[place]](self._stage, self._rng)
            if fault is not None:
                del self._hand[place]
                self.faults.append(fault)
                self._next_at = time.monotonic() + self._gap_s * self._rng.uniform(0.5, 1.5)
                if fault.watched:
                    self._watching = fault
                    self._watch_until = time.monotonic() + self._stage.lease_s + WATCH_PAST_LEASE_S
                return

    def _watch(self, fault: Fault) -> None:
        """Until the jobs it struck run again, or have ended after all; of many, a worker's worth."""
        seen = self._stage.snapshot()
        if time.monotonic() < self._watch_until:
            if seen is None:
                return
            queued = set(seen.queued)
            running = {(job.job_id, job.fence) for job in seen.running}
            num_waiting = sum(claim[0] in queued or claim in running for claim in fault.struck)
            if len(fault.struck) - num_waiting < min(len(fault.struck), self._stage.slots):
                return
        self._watching = None
        self._next_at = max(self._next_at, time.monotonic() + self._gap_s / 2)
