"""The whole product on one machine: embedded servers, the API and one worker, started in order and stopped together.

SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL name servers to use instead of the embedded ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from api.serve import listen, url_of
from specreason.children import spawn_module, stop
from specreason.cli.show.pace import LINE_EVERY_S, Beat
from specreason.config import get_pair, load_pairs
from specreason.embedded import start_servers
from specreason.embedded.datadir import locked_data_dir
from specreason.engines.platform import check_platform
from specreason.errors import EmbeddedServerError
from specreason.settings import Settings, load_settings
from specreason.store.migrate import migrate
from specreason.store.queue.workers import live_workers
from specreason.store.session import Database, connect

POLL_S = 0.1
LOG_TAIL_LINES = 12

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running product. The URLs may hold a password."""

    api_url: str
    database_url: str
    broker_url: str
    database: Database
    services: tuple[Service, ...]
    check_servers: Callable[[], None]

    def check(self) -> None:
        """Raise EmbeddedServerError if the API, the worker or an embedded server has ended by itself."""
        self.check_servers()
        for service in self.services:
            service.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of our own processes and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise EmbeddedServerError, with the end of the log, if the process has ended."""
        status = self.process.poll()
        if status is not None:
            tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise EmbeddedServerError(
                "\n  ".join([f"the {self.name} ended with status {status}. The end of {self.log}:", *tail])
            )


@dataclass(frozen=True, slots=True)
class Backing:
    """The database and the broker. `check` raises EmbeddedServerError if an embedded one has ended."""

    database_url: str
    broker_url: str
    check: Callable[[], None]


def default_data_dir() -> Path:
    """Return the data directory of `specreason up` where none is given."""
    root = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(root) / "specreason"


@contextmanager
def running_stack(
    data_dir: Path, *, pair: str, port: int | None, slots: int | None, announce: Announce
) -> Iterator[Stack]:
    """Start everything and yield once the worker holds its pair; stop everything at the end of the block.

    `announce` gets one line per stage, and one every ten seconds while the pair is loaded. Must be called from the
    main thread. Raises InputError for a port in use or an unknown pair before anything is started.
    """
    settings = load_settings()
    data_dir = data_dir.expanduser().resolve()
    get_pair(load_pairs(settings.pairs_file), pair)
    check_platform()
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(
            listen(settings.api_host, settings.api_port if port is None else port)
        )
        backing = cleanup.enter_context(_servers(settings, data_dir, announce))
        database = connect(backing.database_url, pool_size=2)
        cleanup.callback(database.dispose)
        migrate(database)
        earlier = live_workers(database, pair)
        environment = {
            "SPECREASON_DATABASE_URL": backing.database_url,
            "SPECREASON_BROKER_URL": backing.broker_url,
            "SPECREASON_FILES_DIR": str(data_dir / "files"),
            "SPECREASON_SLOTS": str(settings.slots if slots is None else slots),
        }

        def start(name: str, *arguments: str, grace_s: float, pass_fds: tuple[int, ...] = ()) -> Service:
            path = data_dir / f"{name}.log"
            with path.open("ab") as log:
                process = spawn_module(
                    "specreason.cli.main",
                    name,
                    *arguments,
                    death_signal=signal.SIGTERM,
                    environment=environment,
                    pass_fds=pass_fds,
                    output=log,
                )
            cleanup.callback(stop, process, grace_s=grace_s)
            return Service(name=name, process=process, log=path)

        announce("Starting the API")
        fd = listener.fileno()
        api = start("api", "--listen-fd", str(fd), grace_s=10, pass_fds=(fd,))
        announce("Starting the worker")
        worker = start("worker", "--pair", pair, grace_s=settings.drain_s + 20)
        stack = Stack(
            api_url=url_of(listener),
            database_url=backing.database_url,
            broker_url=backing.broker_url,
            database=database,
            services=(api, worker),
            check_servers=backing.check,
        )
        _wait_until_loaded(stack, pair, earlier, announce)
        yield stack
        announce("Stopping everything")


@contextmanager
def _servers(settings: Settings, data_dir: Path, announce: Announce) -> Iterator[Backing]:
    """Use the database and the broker that the settings name; start embedded servers if either is missing."""
    database_url, broker_url = settings.database_url, settings.broker_url
    if database_url is not None and broker_url is not None:
        with locked_data_dir(data_dir):
            yield Backing(database_url.get_secret_value(), broker_url.get_secret_value(), lambda: None)
        return
    with start_servers(data_dir, announce=announce) as servers:
        yield Backing(
            servers.database_url if database_url is None else database_url.get_secret_value(),
            servers.broker_url if broker_url is None else broker_url.get_secret_value(),
            servers.check,
        )


def _wait_until_loaded(stack: Stack, pair: str, earlier: frozenset[UUID], announce: Announce) -> None:
    """Wait for a live worker that is not one of the `earlier` ones. Raises EmbeddedServerError if a process ends."""
    started, beat = time.monotonic(), Beat(LINE_EVERY_S)
    while not live_workers(stack.database, pair) - earlier:
        stack.check()
        if beat.is_due(now := time.monotonic()):
            announce(f"Loading the pair '{pair}' into two vLLM engines ({now - started:.0f} s)")
        time.sleep(POLL_S)
