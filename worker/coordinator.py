"""What one worker does for all: returns jobs whose worker is gone, and announces jobs that nobody has heard of.

Every supervisor runs one; whoever holds the advisory lock leads. A leader that dies loses its connection and
with it the lock, so another takes over within a tick.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.errors import StoreUnavailable
from specreason.queues import RUN_JOB, queue_of
from specreason.settings import Settings
from specreason.store.dispatch import Leadership, expire_leases, take_unpublished
from specreason.store.session import Database

log = logging.getLogger(__name__)

NEVER_S = 10 * 365 * 86_400.0


class Coordinator:
    """Call `tick` a few times a second. It serves every pair of the deployment, not only this worker's."""

    def __init__(self, database: Database, celery: Celery, pairs: Iterable[str], settings: Settings) -> None:
        self._database = database
        self._celery = celery
        self._pairs = tuple(pairs)
        self._settings = settings
        self._leadership = Leadership(database)

    def tick(self) -> None:
        """One round of a leader's work; nothing while another worker leads. Raises StoreUnavailable."""
        if not self._leadership.try_lead():
            return
        if num_expired := expire_leases(self._database):
            log.warning("%d jobs of lost workers are queued again", num_expired)
        for pair in self._pairs:
            self._announce(pair)

    def close(self) -> None:
        """Let another worker lead."""
        self._leadership.close()

    def _announce(self, pair: str) -> None:
        """Send what was never sent, and, once the queue is empty, what was sent and not heard of.

        A job whose message still waits in the queue is not lost, however long that takes.
        """
        settings = self._settings
        try:
            with self._celery.connection_for_write() as connection:
                num_waiting = connection.default_channel.client.llen(queue_of(pair))
            due = take_unpublished(
                self._database,
                pair,
                window=settings.publish_window,
                resend_after_s=NEVER_S if num_waiting else settings.republish_s,
            )
            for job_id in due:
                self._celery.send_task(RUN_JOB, [str(job_id)], queue=queue_of(pair), retry=False)
        except (OperationalError, RedisError) as error:
            raise StoreUnavailable(f"broker: {error}") from error
