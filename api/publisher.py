"""Rings the doorbell: sends a job's id by task name. It never imports the worker and never loads a model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.errors import StoreUnavailable
from specreason.queues import PUBLISHER_CONFIG, RUN_JOB, announced_job, announcement, queue_of


class Publisher:
    """Sends messages, and sees those that wait. Both raise StoreUnavailable while the broker is away."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("specreason", broker=broker_url)
        self._celery.conf.update(PUBLISHER_CONFIG)
        self.turn = threading.Lock()  # whose turn it is to announce what is queued

    def waiting(self, pair: str) -> list[UUID | None]:
        """The job of each message in the pair's queue; None for a message that is not ours."""
        with _reported(), self._celery.pool.acquire(block=True) as connection:
            return [
                announced_job(each)
                for each in connection.default_channel.client.lrange(queue_of(pair), 0, -1)
            ]

    def announce(self, pair: str, job_ids: Iterable[UUID]) -> None:
        """Send one message per job to the pair's queue."""
        with _reported():
            for job_id in job_ids:
                self._celery.send_task(RUN_JOB, **announcement(pair, job_id))


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (OperationalError, RedisError) as error:
        raise StoreUnavailable(f"broker: {error}") from error
