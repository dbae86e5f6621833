"""The whole product on one machine: embedded servers, the API and one worker, started in order and stopped together.

SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL name servers to use instead of the embedded ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from api.serve import listen, url_of
from specreason.broker import refuse_cluster
from specreason.children import stop
from specreason.cli.local.services import Announce, ReadyPipe, Service, start_service
from specreason.cli.running import RunningUp, absolute, announced, now_serving, this_process, write
from specreason.cli.waiting.pace import LINE_EVERY_S, Beat
from specreason.embedded import start_servers
from specreason.embedded.datadir import locked_data_dir
from specreason.engines.machine.placement import place
from specreason.engines.machine.platform import check_platform
from specreason.engines.models.fetching import fetch_missing
from specreason.engines.models.hub import models_to_fetch
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.settings import Settings, load_settings
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect

POLL_S = 0.1
API_GRACE_S = 10.0
# What a worker takes to end beyond SPECREASON_DRAIN_S.
WORKER_GRACE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running product, and what it says of itself to other commands. The URLs may hold a password."""

    running: RunningUp
    database: Database
    services: tuple[Service, ...]
    check_servers: Callable[[], None]

    @property
    def api_url(self) -> str:
        return self.running.api_url

    @property
    def broker_url(self) -> str:
        return self.running.broker_url

    def check(self) -> None:
        """Raise EmbeddedServerError if the API, the worker or an embedded server has ended by itself."""
        self.check_servers()
        for service in self.services:
            service.check()


@dataclass(frozen=True, slots=True)
class Backing:
    """The database and the broker. `check` raises EmbeddedServerError if an embedded one has ended."""

    database_url: str
    broker_url: str
    check: Callable[[], None]


@contextmanager
def running_stack(
    data_dir: Path, *, pair: str, port: int | None, slots: int | None, announce: Announce
) -> Iterator[Stack]:
    """Start everything and yield once its own worker holds the pair; stop everything at the end of the block.

    Announces and raises as `running_api` and `running_worker` do.
    """
    with (
        running_api(data_dir, pairs=(pair,), port=port, slots=slots, announce=announce) as stack,
        running_worker(stack, pair=pair, slots=slots, announce=announce) as whole,
    ):
        yield whole
        announce("Stopping everything")


@contextmanager
def running_api(
    data_dir: Path, *, pairs: Sequence[str], port: int | None, slots: int | None, announce: Announce
) -> Iterator[Stack]:
    """Start the servers and the API, for workers of `pairs` one after the other; stop them at the end of the block.

    `announce` gets one line per stage, and one every ten seconds while models are fetched. Must be called from the
    main thread. Raises InputError for an unknown pair or a port in use before anything is started. Whether this
    machine can run a pair is for `check_before_start` to say, which does not need what is imported here.
    """
    settings = load_settings()
    own = _own_servers(settings)
    data_dir = absolute(data_dir)
    known = load_pairs(settings.pairs_file)
    host, port = settings.api_host, settings.api_port if port is None else port
    for pair in pairs:
        _fetch_models(get_pair(known, pair), host, port, announce)
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(listen(host, port))
        backing = cleanup.enter_context(_servers(settings, data_dir, announce))
        running = this_process(
            pair=pairs[0],
            slots=_slots_of(pairs[0], slots),
            api_url=url_of(listener),
            database_url=backing.database_url,
            broker_url=backing.broker_url,
            own_servers=own,
            data_dir=str(data_dir),
        )
        cleanup.enter_context(announced(running))
        database = connect(backing.database_url, pool_size=2)
        cleanup.callback(database.dispose)
        if "broker" not in own:
            refuse_cluster(backing.broker_url)
        migrate(database)
        announce("Starting the API")
        fd = listener.fileno()
        api = start_service(
            "api",
            *("--listen-fd", str(fd)),
            data_dir=data_dir,
            environment=_environment(running),
            pass_fds=(fd,),
        )
        cleanup.callback(stop, api.process, grace_s=API_GRACE_S)
        yield Stack(running=running, database=database, services=(api,), check_servers=backing.check)


@contextmanager
def running_worker(stack: Stack, *, pair: str, slots: int | None, announce: Announce) -> Iterator[Stack]:
    """Start a worker of the stack's API and yield once it holds the pair; stop it at the end of the block.

    `announce` gets a line every ten seconds while the models are loaded. Raises EmbeddedServerError if a process ends.
    """
    running = replace(stack.running, pair=pair, slots=_slots_of(pair, slots))
    write(running)
    announce("Starting the worker")
    with closing(ReadyPipe()) as ready:
        worker = start_service(
            "worker",
            *("--pair", pair, "--ready-fd", str(ready.writer)),
            data_dir=Path(running.data_dir),
            environment=_environment(running),
            pass_fds=(ready.writer,),
        )
        with ExitStack() as cleanup:
            cleanup.callback(write, running)  # which serves no more
            cleanup.callback(stop, worker.process, grace_s=load_settings().drain_s + WORKER_GRACE_S)
            ready.close_writer()
            whole = replace(stack, running=running, services=(*stack.services, worker))
            _wait_until_loaded(whole, ready, announce)
            yield replace(whole, running=now_serving(running))


def _environment(running: RunningUp) -> dict[str, str]:
    """What the API and a worker need to find each other."""
    return {
        "SPECREASON_DATABASE_URL": running.database_url,
        "SPECREASON_BROKER_URL": running.broker_url,
        "SPECREASON_FILES_DIR": str(running.files_dir),
        "SPECREASON_SLOTS": str(running.slots),
    }


def _slots_of(pair: str, slots: int | None) -> int:
    """How many jobs a worker of the pair has in flight: as the user says, else as the machine has room for."""
    settings = load_settings()
    config = get_pair(load_pairs(settings.pairs_file), pair)
    return slots or settings.slots or place(config, check_platform()).slots


def _fetch_models(config: PairConfig, host: str, port: int, announce: Announce) -> None:
    """Fetch what is missing, before servers wait for it in vain."""
    if models_to_fetch(config):
        # A port in use is said before hours of fetching. Then it is let go: nobody answers there yet.
        listen(host, port).close()
        fetch_missing(config, announce)


def _own_servers(settings: Settings) -> tuple[str, ...]:
    """Which servers are to be started here. Raises InvalidField for a setting that cannot name the other."""
    named = {
        "database": settings.database() if settings.database_url is not None else None,
        "broker": settings.broker() if settings.broker_url is not None else None,
    }
    return tuple(server for server, url in named.items() if url is None)


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


def _wait_until_loaded(stack: Stack, ready: ReadyPipe, announce: Announce) -> None:
    """Wait until the worker started here can take jobs. Raises EmbeddedServerError if a process ends.

    Live workers in the database do not tell: one of a killed `up` may renew its lease until it has left.
    """
    started, beat = time.monotonic(), Beat(LINE_EVERY_S)
    while not ready.has_a_line():
        stack.check()
        if beat.is_due(now := time.monotonic()):
            announce(
                f"Loading the pair '{stack.running.pair}' into two vLLM engines ({now - started:.0f} s; small models "
                "take half a minute on an idle machine)"
            )
        time.sleep(POLL_S)
