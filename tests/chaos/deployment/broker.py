"""The monkey's own hand on the broker: flush it, send a message again, take messages away."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from specreason.doorbell import SENDER_CONFIG, Doorbell, queue_of
from specreason.errors import BrokerUnavailable

AWAY = (OperationalError, RedisError, OSError)


class Broker:
    """The broker as the run reaches it. Each call opens a connection; False if the broker is away."""

    def __init__(self, url: str, pair: str) -> None:
        self._url = url
        self._pair = pair
        self._queue = queue_of(pair)

    def flush(self) -> bool:
        try:
            with self._connection() as connection:
                connection.default_channel.client.flushall()
        except AWAY:
            return False
        return True

    def send(self, job_ids: Iterable[UUID]) -> bool:
        doorbell = Doorbell(self._url)
        try:
            doorbell.announce(self._pair, job_ids)
        except BrokerUnavailable:
            return False
        finally:
            doorbell.close()
        return True

    def drop(self, number: int) -> int:
        """Take at most `number` waiting messages away; how many there were."""
        try:
            with self._connection() as connection:
                return len(connection.default_channel.client.lpop(self._queue, number) or ())
        except AWAY:
            return 0

    def _connection(self) -> Connection:
        return Connection(self._url, transport_options=SENDER_CONFIG["broker_transport_options"])
