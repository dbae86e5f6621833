"""The doorbell: messages that tell a worker which job to look at. The one file that speaks Celery to send.

Postgres is the truth: a message that is lost is sent again by the leader, and one that comes twice is claimed once.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from celery import Celery
from kombu.exceptions import LimitExceeded, OperationalError
from redis.exceptions import RedisError

from specreason.errors import BrokerUnavailable, StoreUnavailable
from specreason.store.queue.dispatch import take_unpublished, window_of
from specreason.store.queue.workers import live_slots
from specreason.store.session import Database

log = logging.getLogger(__name__)

RUN_JOB = "specreason.run_job"  # the only message: one argument, the job's id
POOL_TIMEOUT_S = 5.0  # to wait for one of this process's connections
PAUSE_S = 0.25  # many small submissions do not each look through the queue

# Messages are acknowledged at once and never redelivered by the broker, and results stay in Postgres.
CELERY_CONFIG: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": False,
    "task_create_missing_queues": True,
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "broker_connection_retry_on_startup": True,
    "broker_pool_acquire_timeout": 5,
    "broker_transport_options": {
        "visibility_timeout": 86_400,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
    },
}

# For a process that only sends: one short try. Left alone, kombu tries for six seconds to reach a broker that is away,
# and waits ten for one that is frozen; meanwhile a leader takes nothing back from lost workers, and a client waits for
# its answer. What was not sent is announced again.
SENDER_CONFIG: dict[str, Any] = CELERY_CONFIG | {
    "broker_transport_options": CELERY_CONFIG["broker_transport_options"]
    | {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 2},
}


def queue_of(pair: str) -> str:
    """The pair's own queue: only a worker that holds the pair can run its jobs."""
    return f"pair.{pair}"


class Doorbell:
    """Sends messages, and sees those that wait. One per process, for any thread.

    Every method but `announce_submitted` raises BrokerUnavailable while the broker does not answer.
    """

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("specreason", broker=broker_url, set_as_current=False)
        self._celery.conf.update(SENDER_CONFIG)
        self._turn = threading.Lock()
        self._next_turn_at = 0.0

    def waiting(self, pair: str) -> list[UUID | None]:
        """The job of each message in the pair's queue; None for a message that is not ours."""
        with _reported(), self._celery.pool.acquire(block=True, timeout=POOL_TIMEOUT_S) as connection:
            messages = connection.default_channel.client.lrange(queue_of(pair), 0, -1)
        return [_job_of(message) for message in messages]

    def ring(self, pair: str, job_ids: Iterable[UUID]) -> None:
        """Send one message per job to the pair's queue. Celery's task has the id of our job."""
        with _reported():
            for job_id in job_ids:
                name = str(job_id)
                self._celery.send_task(RUN_JOB, args=[name], task_id=name, queue=queue_of(pair), retry=False)

    def ring_due(
        self, database: Database, pair: str, *, window: int, lost_after_s: float | None = None
    ) -> None:
        """Take what is due from the store and ring for it: `window` and `lost_after_s` are `take_unpublished`'s.

        Raises StoreUnavailable where Postgres is away.
        """
        messages = self.waiting(pair)
        due = take_unpublished(database, pair, window=window, messages=messages, lost_after_s=lost_after_s)
        self.ring(pair, due)

    def announce_submitted(self, database: Database, pair: str, *, publish_window: int) -> None:
        """Ring for the pair's next jobs, so that a submission need not wait for the leader's next round.

        One caller at a time does so, and no sooner than PAUSE_S after the one before. All others leave it to the
        leader, and so does a caller that finds Postgres or the broker away: what is stored is not lost.
        """
        with self.turn() as is_ours:
            if not is_ours:
                return
            try:
                window = window_of(live_slots(database).get(pair, 0), most=publish_window)
                self.ring_due(database, pair, window=window)
            except StoreUnavailable as error:
                log.warning("the batch is stored, and the leader will announce its jobs: %s", error)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether the caller may announce: no other thread is at it, and the last one began PAUSE_S ago."""
        is_ours = self._turn.acquire(blocking=False)
        try:
            now = time.monotonic()
            if is_ours and now >= self._next_turn_at:
                self._next_turn_at = now + PAUSE_S
                yield True
            else:
                yield False
        finally:
            if is_ours:
                self._turn.release()

    def close(self) -> None:
        """Close this process's connections to the broker."""
        self._celery.close()


def _job_of(message: bytes) -> UUID | None:
    """The job of a message as it stands in the broker's queue; None if it is none of ours."""
    try:
        return UUID(json.loads(message)["headers"]["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (OperationalError, LimitExceeded, RedisError) as error:
        raise BrokerUnavailable(f"broker: {error}") from error
