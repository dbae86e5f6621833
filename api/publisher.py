"""Rings the doorbell: sends a job's id by task name. It never imports the worker and never loads a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.doorbell import PUBLISHER_CONFIG, RUN_JOB, announced_job, announcement, queue_of
from specreason.errors import StoreUnavailable

PAUSE_S = 0.25  # many small submissions do not each look through the queue


class Publisher:
    """Sends messages, and sees those that wait. Both raise StoreUnavailable while the broker is away."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("specreason", broker=broker_url)
        self._celery.conf.update(PUBLISHER_CONFIG)
        self._turn = threading.Lock()
        self._next_turn_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is the caller's turn to announce: nobody else has it, and the last one began PAUSE_S ago."""
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
