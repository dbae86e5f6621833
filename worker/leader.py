"""What one worker does for all: returns jobs of lost workers, ends the late, announces what waits, forgets what is old.

Every supervisor runs one; whoever holds the advisory lock leads. A leader that dies loses its connection and
with it the lock, so another takes over within a tick; one that is frozen, after half a lease.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.doorbell import RUN_JOB, announced_job, announcement, queue_of
from specreason.errors import StoreUnavailable
from specreason.settings import Settings
from specreason.store.access.idempotency import forget_answers
from specreason.store.queue.dispatch import (
    Leadership,
    expire_deadlines,
    expire_leases,
    take_unpublished,
    window_of,
)
from specreason.store.queue.workers import live_slots
from specreason.store.session import Database

log = logging.getLogger(__name__)

ANNOUNCE_EVERY_S = 0.5
FORGET_EVERY_S = 3600.0
BROKER_AWAY_S = 5.0  # between two tries to announce while it is
POOL_TIMEOUT_S = 5.0
GRACE_BEATS = 3


class Leader:
    """Call `tick` a few times a second. It serves every pair of the deployment that has a worker."""

    def __init__(self, database: Database, celery: Celery, settings: Settings) -> None:
        self._database = database
        self._celery = celery
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
            with self._celery.pool.acquire(block=True, timeout=POOL_TIMEOUT_S) as connection:
                there = connection.default_channel.client.lrange(queue_of(pair), 0, -1)
            waiting = [announced_job(each) for each in there]
            lost_after_s = self._settings.republish_s
            for job_id in take_unpublished(
                self._database, pair, window=window, messages=waiting, lost_after_s=lost_after_s
            ):
                self._celery.send_task(RUN_JOB, **announcement(pair, job_id))
        except (OperationalError, RedisError) as error:
            self._announce_at = time.monotonic() + BROKER_AWAY_S
            self._led_at = (
                self._leadership.try_lead()
            )  # what the broker's silence took is no absence of Postgres
            raise StoreUnavailable(f"broker: {error}") from error
