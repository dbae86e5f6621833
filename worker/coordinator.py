"""What one worker does for all: returns jobs whose worker is gone, ends the late, announces what waits.

Every supervisor runs one; whoever holds the advisory lock leads. A leader that dies loses its connection and
with it the lock, so another takes over within a tick; one that is frozen, after a lease.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.errors import StoreUnavailable
from specreason.queues import RUN_JOB, queue_of
from specreason.settings import Settings
from specreason.store.dispatch import Leadership, expire_deadlines, expire_leases, take_unpublished
from specreason.store.session import Database

log = logging.getLogger(__name__)

ANNOUNCE_EVERY_S = 0.5
BROKER_AWAY_S = 2.0  # between two tries to announce while it is
POOL_TIMEOUT_S = 5.0
GRACE_BEATS = 3
# A job whose message may still wait in the queue is announced again only after so long: the queue would grow.
RESEND_BEHIND_OTHERS_S = 600.0


class Coordinator:
    """Call `tick` a few times a second. It serves every pair of the deployment, not only this worker's."""

    def __init__(self, database: Database, celery: Celery, pairs: Iterable[str], settings: Settings) -> None:
        self._database = database
        self._celery = celery
        self._pairs = tuple(pairs)
        self._settings = settings
        self._leadership = Leadership(database, silent_s=settings.lease_s)
        self._leads = False
        self._announce_at = 0.0
        self._expire_at = 0.0

    def tick(self) -> None:
        """One round of a leader's work; nothing while another worker leads. Raises StoreUnavailable."""
        clock = time.monotonic()
        try:
            if not self._leadership.try_lead():
                self._leads = False
                return
            if not self._leads:
                # Postgres may have been away, even if we slept through it: let everyone renew before a lease is lost.
                self._leads = True
                self._expire_at = time.monotonic() + GRACE_BEATS * self._settings.beat_s
            if clock >= self._expire_at:
                self._expire()
        except StoreUnavailable:
            self._leads = False
            raise
        if clock >= self._announce_at:
            self._announce_at = clock + ANNOUNCE_EVERY_S
            for pair in self._pairs:
                self._announce(pair)

    def close(self) -> None:
        """Let another worker lead."""
        self._leadership.close()

    def _expire(self) -> None:
        if num_lost := expire_leases(self._database, max_lost=self._settings.max_lost):
            log.warning("%d jobs of lost workers are queued again, or dead", num_lost)
        expire_deadlines(self._database)

    def _announce(self, pair: str) -> None:
        """Send what was never sent, and what was sent and not heard of: soon if the queue is empty, else late."""
        settings = self._settings
        try:
            with self._celery.pool.acquire(block=True, timeout=POOL_TIMEOUT_S) as connection:
                num_waiting = connection.default_channel.client.llen(queue_of(pair))
            due = take_unpublished(
                self._database,
                pair,
                window=settings.publish_window,
                resend_after_s=RESEND_BEHIND_OTHERS_S if num_waiting else settings.republish_s,
            )
            for job_id in due:
                self._celery.send_task(RUN_JOB, [str(job_id)], queue=queue_of(pair), retry=False)
        except (OperationalError, RedisError) as error:
            self._announce_at = time.monotonic() + BROKER_AWAY_S
            raise StoreUnavailable(f"broker: {error}") from error
