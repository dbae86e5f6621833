"""The whole product on one machine: embedded servers, the API and one worker, started in order and stopped together.

Servers that SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL name are used instead of embedded ones.
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

from specreason.children import spawn_module, stop
from specreason.cli.services import listen
from specreason.config import get_pair, load_pairs
from specreason.embedded import start_servers
from specreason.engines.platform import check_platform
from specreason.errors import EmbeddedServerError
from specreason.settings import Settings, load_settings
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect
from specreason.store.workers import num_live_workers

POLL_S = 0.1
LOADING_S = 600.0  # a small pair on a busy machine; the supervisor knows better when a child hangs
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

    def check(self) -> None:
        """Raise EmbeddedServerError if the API or the worker has ended by itself."""
        for service in self.services:
            service.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of our own processes and where it logs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        status = self.process.poll()
        if status is not None:
            tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise EmbeddedServerError(
                "\n  ".join([f"the {self.name} ended with status {status}. The end of {self.log}:", *tail])
            )


def default_data_dir() -> Path:
    """Where `specreason up` keeps its data unless told otherwise."""
    root = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(root) / "specreason"


@contextmanager
def running_stack(data_dir: Path, *, pair: str, port: int, slots: int, announce: Announce) -> Iterator[Stack]:
    """Start everything and yield once the worker holds its pair; stop everything at the end of the block.

    `announce` gets one line per stage. Must be called from the main thread. Raises ConfigError for a port in use
    or an unknown pair before anything is started.
    """
    settings = load_settings()
    get_pair(load_pairs(settings.pairs_file), pair)
    check_platform()
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(listen(settings.api_host, port))
        database_url, broker_url = _servers(settings, data_dir, cleanup, announce)
        database = connect(database_url, pool_size=2)
        cleanup.callback(database.dispose)
        migrate(database)
        environment = {
            "SPECREASON_DATABASE_URL": database_url,
            "SPECREASON_BROKER_URL": broker_url,
            "SPECREASON_SLOTS": str(slots),
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

        announce("Starting the API and the worker")
        fd = listener.fileno()
        api = start("api", "--listen-fd", str(fd), grace_s=10, pass_fds=(fd,))
        worker = start("worker", "--pair", pair, grace_s=settings.drain_s + 20)
        host, bound_port = listener.getsockname()[:2]
        stack = Stack(
            api_url=f"http://{host}:{bound_port}",
            database_url=database_url,
            broker_url=broker_url,
            database=database,
            services=(api, worker),
        )
        announce(f"Loading the pair '{pair}' into two vLLM engines")
        _wait_until_loaded(stack, pair)
        yield stack
        announce("Stopping everything")


def _servers(settings: Settings, data_dir: Path, cleanup: ExitStack, announce: Announce) -> tuple[str, str]:
    """URLs of database and broker: those in the environment, or embedded servers where either is missing."""
    database_url, broker_url = settings.database_url, settings.broker_url
    if database_url is not None and broker_url is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        return database_url.get_secret_value(), broker_url.get_secret_value()
    announce("Starting Postgres and Valkey")
    servers = cleanup.enter_context(start_servers(data_dir))
    return (
        servers.database_url if database_url is None else database_url.get_secret_value(),
        servers.broker_url if broker_url is None else broker_url.get_secret_value(),
    )


def _wait_until_loaded(stack: Stack, pair: str) -> None:
    deadline = time.monotonic() + LOADING_S
    while num_live_workers(stack.database, pair) == 0:
        stack.check()
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"the worker has not loaded its pair in {LOADING_S:g} s; see {stack.services[1].log}"
            )
        time.sleep(POLL_S)
