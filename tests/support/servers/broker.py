"""A Valkey of a test's own, which can be told to misbehave."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from specreason.embedded.binaries import find_valkey
from tests.support.workers.processes import wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBroker:
    """A server at a port of this machine. `admin` may do everything; `folder` is where it saves."""

    port: int
    password: str
    admin: Redis
    folder: Path

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Its URL behind a proxy."""
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{port}/0"


@contextmanager
def own_broker(folder: Path, *options: str, password: str = "secret") -> Iterator[OwnBroker]:
    """Start one with `options` of its command line."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    server = subprocess.Popen(
        [
            find_valkey(),
            "--port",
            str(port),
            "--dir",
            folder,
            "--save",
            "",
            *options,
            "--requirepass",
            password,
        ],
        stdout=subprocess.DEVNULL,
    )
    admin = Redis(port=port, password=password)

    def answers() -> bool:
        try:
            return bool(admin.ping())
        except RedisError:
            return False

    try:
        wait_for(answers)
        yield OwnBroker(port=port, password=password, admin=admin, folder=folder)
    finally:
        admin.close()
        server.kill()
        server.wait()
