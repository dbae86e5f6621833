"""The leader's work for all workers: take back lost jobs, expire late ones, announce queued ones, delete old answers.

Every supervisor has a Leader; the one that holds an advisory lock leads. A leader that dies loses its connection and
with it the lock, so that another takes over within a tick. A frozen leader loses the lock after half a lease.
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
BROKER_AWAY_S = 2.0  # between two tries to announce while the broker does not answer
GRACE_BEATS = 3  # heartbeats that a new leader waits before it takes back jobs


class Leader:
    """Call `tick` a few times a second. It serves every pair of the deployment that has a worker."""

    def __init__(self, database: Database, doorbell: Doorbell, settings: Settings) -> None:
        self._database = database
        self._doorbell = doorbell
        self._settings = settings
        self._leadership = Leadership(database, silent_s=settings.lease_s / 2)
        # When this leader last held the lock, by Postgres's clock.
        self._led_at: datetime | None = None
        # After a longer gap, leases may have expired only because no worker could renew them.
        self._absence = timedelta(seconds=settings.lease_s / 2)
        self._announce_at = 0.0
        self._expire_at = 0.0
        self._forget_at = 0.0

    def tick(self) -> None:
        """Do one round of the leader's work; nothing while another worker leads. Raises StoreUnavailable."""
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
        """Postgres's time if this worker leads, else None."""
        last, self._led_at = self._led_at, self._leadership.try_lead()
        if self._led_at is not None and (last is None or self._led_at - last > self._absence):
            # Another worker led, Postgres did not answer, or Postgres or all workers stood still, as when a laptop
            # sleeps. Let every worker renew its lease before one counts as lost.
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
        """Announce queued jobs that were never announced, or whose messages have left the queue unclaimed."""
        try:
            self._doorbell.announce_due(
                self._database, pair, window=window, lost_after_s=self._settings.republish_s
            )
        except BrokerUnavailable:
            self._announce_at = time.monotonic() + BROKER_AWAY_S
            # Time lost to the broker is not an outage of Postgres.
            self._led_at = self._leadership.try_lead()
            raise
