"""The monkey's own hand on the broker: flush it, send a message again, take messages away, let it refuse them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from kombu import Connection
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from specreason.addresses import BrokerAddress
from specreason.broker import SENDER_CONFIG
from specreason.doorbell import Doorbell, queue_of
from specreason.errors import BrokerUnavailable

AWAY = (OperationalError, RedisError, OSError)


class Broker:
    """The broker as the run reaches it. Each call opens a connection; False if the broker is away.

    `folder` is where it saves.
    """

    def __init__(self, url: str, pair: str, folder: Path) -> None:
        self._url = url
        self._unsavable = folder / "dump.rdb"
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

    def become_replica(self) -> bool:
        """Follow a primary that is not there, as in a failover: every write is refused."""
        with self._admin() as admin:
            return bool(admin.replicaof("127.0.0.1", "1"))
        return False

    def fill(self) -> bool:
        """Leave no memory for one more message."""
        with self._admin() as admin:
            return bool(admin.config_set("maxmemory", "1"))
        return False

    def lose_disk(self) -> bool:
        """Let it fail to save, so that it refuses every write."""
        with self._admin() as admin:
            with suppress(FileExistsError):
                self._unsavable.mkdir()
            admin.config_set("save", "900 1")
            return bool(admin.bgsave())
        return False

    def recover(self) -> None:
        """Undo the three above. A broker that was started meanwhile has nothing to undo."""
        with suppress(OSError):
            self._unsavable.rmdir()
        with self._admin() as admin:
            admin.replicaof("NO", "ONE")
            admin.config_set("maxmemory", "0")
            admin.config_set("save", "")

    @contextmanager
    def _admin(self) -> Iterator[Redis]:
        admin = Redis.from_url(BrokerAddress.parse("broker", self._url).for_redis)
        with suppress(*AWAY):
            yield admin
        admin.close()

    def _connection(self) -> Connection:
        return Connection(self._url, transport_options=SENDER_CONFIG["broker_transport_options"])
