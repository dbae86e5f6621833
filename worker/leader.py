"""What one worker does for all: returns jobs of lost workers, ends the late, announces what waits, forgets what is old.

Every supervisor runs one; whoever holds the advisory lock leads. A leader that dies loses its connection and
with it the lock, so another takes over within a tick; one that is frozen, after half a lease.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from specreason.doorbell import Doorbell
from specreason.errors import BrokerUnavailable
from specreason.settings import Settings
from specreason.store.access.idempotency import forget_answers
from specreason.store.queue.dispatch import (
    Leadership,
    expire_deadlines,
    expire_leases,
    window_of,
)
from specreason.store.queue.workers import live_slots
from specreason.store.session import Database

log = logging.getLogger(__name__)

ANNOUNCE_EVERY_S = 0.5
FORGET_EVERY_S = 3600.0
BROKER_AWAY_S = 5.0  # between two tries to announce while it is
GRACE_BEATS = 3


class Leader:
    """Call `tick` a few times a second. It serves every pair of the deployment that has a worker."""

    def __init__(self, database: Database, doorbell: Doorbell, settings: Settings) -> None:
        self._database = database
        self._doorbell = doorbell
        self._settings = settings
        self._leadership = Leadership(database, silent_s=settings.lease_s / 2)
        self._led_at: datetime | None = None  # our last look, by Postgres's clock
        # Longer without a look, and leases may have run out meanwhile.
        self._absence = timedelta(seconds=settings.lease_s / 2)
        self._announce_at = 0.0
        self._expire_at = 0.0
        self._forget_at = 0.0

    def tick(self) -> None:
        """One round of a leader's work; nothing while another worker leads. Raises StoreUnavailable."""
        led_at = self._lead()
        if led_at is None:
            return
        if time.monotonic() >= self._expire_at:
            self._expire(led_at)
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_S
            forget_answers(self._database)
        if time.monotonic() >= self._announce_at:
            self._announce_at = time.monotonic() + ANNOUNCE_EVERY_S
            for pair, slots in live_slots(self._database).items():
                self._announce(pair, window_of(slots, most=self._settings.publish_window))

    def close(self) -> None:
        """Let another worker lead."""
        self._leadership.close()

    def _lead(self) -> datetime | None:
        """Postgres's time if we lead."""
        last, self._led_at = self._led_at, self._leadership.try_lead()
        if self._led_at is not None and (last is None or self._led_at - last > self._absence):
            # Another led, or Postgres was away, or it or all of us stood still, as a laptop does that sleeps: let
            # everyone renew before a lease is lost.
            self._expire_at = time.monotonic() + GRACE_BEATS * self._settings.beat_s
        return self._led_at

    def _expire(self, led_at: datetime) -> None:
        settings = self._settings
        if num_lost := expire_leases(
            self._database, max_lost=settings.max_lost, not_after=led_at + self._absence
        ):
            log.warning("%d jobs of lost workers are queued again, or dead", num_lost)
        expire_deadlines(self._database)

    def _announce(self, pair: str, window: int) -> None:
        """Send what was never sent, and what was sent and is not there any more."""
        try:
            self._doorbell.ring_due(
                self._database, pair, window=window, lost_after_s=self._settings.republish_s
            )
        except BrokerUnavailable:
            self._announce_at = time.monotonic() + BROKER_AWAY_S
            # What the broker's silence took is no absence of Postgres.
            self._led_at = self._leadership.try_lead()
            raise
