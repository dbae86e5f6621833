"""The monkey's own hand on the broker: flush it, send a message again, take messages away."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.doorbell import RUN_JOB, announcement, queue_of
from worker.app import make_app

AWAY = (OperationalError, RedisError, OSError)


class Broker:
    """Each call connects anew. False where the broker is away."""

    def __init__(self, url: str, pair: str) -> None:
        self._app = make_app(url)
        self._pair = pair
        self._queue = queue_of(pair)

    def flush(self) -> bool:
        try:
            with self._app.connection_for_write() as connection:
                connection.default_channel.client.flushall()
        except AWAY:
            return False
        return True

    def send(self, job_ids: Iterable[UUID]) -> bool:
        try:
            with self._app.connection_for_write() as connection:
                for job_id in job_ids:
                    self._app.send_task(RUN_JOB, connection=connection, **announcement(self._pair, job_id))
        except AWAY:
            return False
        return True

    def drop(self, number: int) -> int:
        """Take at most `number` waiting messages away; how many there were."""
        try:
            with self._app.connection_for_write() as connection:
                return len(connection.default_channel.client.lpop(self._queue, number) or ())
        except AWAY:
            return 0
