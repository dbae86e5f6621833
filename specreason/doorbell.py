"""The doorbell announces queued jobs: each message tells a worker to look at one job. Only this file sends messages.

Postgres is the truth. The leader sends a lost message again, and a job that is announced twice is claimed once.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import Celery

from specreason.addresses import BrokerAddress
from specreason.broker import SENDER_CONFIG, reported
from specreason.errors import StoreUnavailable
from specreason.store.queue.dispatch import take_unannounced, window_of
from specreason.store.queue.workers import live_slots
from specreason.store.session import Database

log = logging.getLogger(__name__)

RUN_JOB = "specreason.run_job"  # the only message: one argument, the job's id
POOL_TIMEOUT_S = 5.0  # to wait for one of this process's connections
PAUSE_S = 0.25  # between two announcements, so that many small submissions do not each scan the queue


def queue_of(pair: str) -> str:
    """The name of the pair's queue. Each pair has its own, because only a worker with that pair can run its jobs."""
    return f"pair.{pair}"


class Doorbell:
    """Sends messages and lists the waiting ones. One per process, for any thread.

    Every method but `announce_submitted` raises BrokerUnavailable while the broker does not answer.
    """

    def __init__(self, broker_url: str) -> None:
        address = BrokerAddress.parse("broker", broker_url)
        self._celery = Celery("specreason", broker=address.for_celery, set_as_current=False)
        self._celery.conf.update(SENDER_CONFIG)
        self._announcing = threading.Lock()
        self._next_announcement_at = 0.0

    def waiting(self, pair: str) -> list[UUID | None]:
        """The job of each message in the pair's queue; None for a message of another program."""
        with reported(), self._celery.pool.acquire(block=True, timeout=POOL_TIMEOUT_S) as connection:
            messages = connection.default_channel.client.lrange(queue_of(pair), 0, -1)
        return [_job_of(message) for message in messages]

    def announce(self, pair: str, job_ids: Iterable[UUID]) -> None:
        """Send one message per job to the pair's queue. The id of the Celery task is the id of the job."""
        with reported():
            for job_id in job_ids:
                name = str(job_id)
                self._celery.send_task(RUN_JOB, args=[name], task_id=name, queue=queue_of(pair), retry=False)

    def announce_due(
        self, database: Database, pair: str, *, window: int, lost_after_s: float | None = None
    ) -> None:
        """Take the due jobs from the store and announce them. See `take_unannounced` for `window` and `lost_after_s`.

        Raises StoreUnavailable if Postgres does not answer.
        """
        messages = self.waiting(pair)
        due = take_unannounced(database, pair, window=window, messages=messages, lost_after_s=lost_after_s)
        self.announce(pair, due)

    def announce_submitted(self, database: Database, pair: str, *, publish_window: int) -> None:
        """Announce the pair's next jobs, so that a submission need not wait for the leader's next round.

        If another thread is announcing, or did so less than PAUSE_S ago, or Postgres or the broker does not answer,
        do nothing: the jobs are stored, and the leader announces them.
        """
        with self.may_announce() as allowed:
            if not allowed:
                return
            try:
                window = window_of(live_slots(database).get(pair, 0), most=publish_window)
                self.announce_due(database, pair, window=window)
            except StoreUnavailable as error:
                log.warning("the batch is stored, and the leader will announce its jobs: %s", error)

    @contextmanager
    def may_announce(self) -> Iterator[bool]:
        """Whether the caller may announce: no other thread does so, and the last one began at least PAUSE_S ago."""
        is_free = self._announcing.acquire(blocking=False)
        try:
            now = time.monotonic()
            if is_free and now >= self._next_announcement_at:
                self._next_announcement_at = now + PAUSE_S
                yield True
            else:
                yield False
        finally:
            if is_free:
                self._announcing.release()

    def close(self) -> None:
        """Close this process's connections to the broker."""
        self._celery.close()


def _job_of(message: bytes) -> UUID | None:
    """The job of a message in the broker's format; None for a message of another program."""
    try:
        return UUID(json.loads(message)["headers"]["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
