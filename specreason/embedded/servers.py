"""Starts both servers, in this order: data directory, Postgres, Valkey; and stops them in the reverse order."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from specreason.embedded.binaries import ELSEWHERE, find_postgres, find_valkey, runnable_by
from specreason.embedded.datadir import Instance, locked_data_dir, socket_path, stored_password
from specreason.embedded.postgres import database_url, server_account, start_postgres, stop_postgres
from specreason.embedded.process import Account, Child
from specreason.embedded.valkey import broker_url, start_valkey, stop_valkey
from specreason.errors import EmbeddedServerError


@dataclass(frozen=True)
class Ground:
    """The prerequisites of both servers: the data directory, the programs, and the account that Postgres runs as."""

    instance: Instance
    postgres: Path
    valkey: Path
    account: Account | None


@dataclass(frozen=True)
class Servers:
    """A running Postgres and Valkey. They end with `stop()`, with the block, or with this process.

    `database_url` (for SQLAlchemy, psycopg and psql) and `broker_url` (for Celery) hold the password.
    """

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    data_dir: Path
    children: tuple[Child, Child] = field(repr=False)
    _cleanup: ExitStack = field(repr=False)

    def check(self) -> None:
        """Raise EmbeddedServerError, with the end of its log, if a server has ended by itself."""
        for child in self.children:
            child.check()

    def stop(self) -> None:
        """Stop both servers and let the data directory go. Calling it again does nothing."""
        self._cleanup.close()

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_servers(
    data_dir: Path, *, timeout_s: float = 60.0, announce: Callable[[str], None] = lambda line: None
) -> Servers:
    """Start Postgres and Valkey on the data in `data_dir`, and create that folder if it is absent.

    Must be called from the main thread: the servers die with the thread that started them. `timeout_s`
    bounds the wait for each server's first answer, crash recovery included. `announce` gets a line before
    each server is started. Raises EmbeddedServerError.
    """
    if platform.system() != "Linux":
        raise EmbeddedServerError(
            f"embedded servers run on Linux only: start Postgres and Redis yourself, {ELSEWHERE}"
        )
    with ExitStack() as cleanup:
        try:
            servers = _start(data_dir, timeout_s, announce, cleanup)
        except OSError as error:
            raise EmbeddedServerError(f"cannot start the embedded servers in {data_dir}: {error}") from error
    return servers


def prepare(data_dir: Path, timeout_s: float, cleanup: ExitStack) -> Ground:
    """Lock the data directory until `cleanup` ends, and find the programs. Raises EmbeddedServerError."""
    account = server_account()
    programs, valkey = find_postgres(), find_valkey()
    directory = cleanup.enter_context(locked_data_dir(data_dir))
    sockets = cleanup.enter_context(socket_path(directory))
    programs = cleanup.enter_context(runnable_by(account, programs, directory / "binaries"))
    return Ground(
        Instance(directory, sockets, stored_password(directory), timeout_s), programs, valkey, account
    )


def _start(data_dir: Path, timeout_s: float, announce: Callable[[str], None], cleanup: ExitStack) -> Servers:
    ground = prepare(data_dir, timeout_s, cleanup)
    instance = ground.instance
    announce("Starting Postgres")
    postgres = start_postgres(ground.postgres, instance, ground.account)
    cleanup.callback(stop_postgres, postgres, instance)
    announce("Starting Valkey")
    valkey = start_valkey(ground.valkey, instance)
    cleanup.callback(stop_valkey, valkey, instance)
    return Servers(
        database_url=database_url(instance),
        broker_url=broker_url(instance),
        data_dir=instance.data_dir,
        children=(postgres, valkey),
        _cleanup=cleanup.pop_all(),
    )
