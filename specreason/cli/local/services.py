"""The long-running processes of a deployment, each run in the foreground until SIGTERM."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

from specreason.cli.exits import report
from specreason.cli.show.output import print_json
from specreason.config import get_pair, load_pairs
from specreason.engines.platform import check_platform
from specreason.errors import InputError
from specreason.logs import log_to_stderr
from specreason.settings import Settings, load_settings
from specreason.store.access.keys import ensure_operator_key, has_key
from specreason.store.migrate import check_schema, migrate
from specreason.store.session import Database, connect

if TYPE_CHECKING:
    from api.door.authenticator import Authenticator

GIL_SWITCH_S = 0.0005  # Python's 5 ms would let one submission hold up every small read at each of its turns
LEAVE_S = 5  # after SIGTERM, for the requests under way: a client that has stalled must not keep the process


def serve_api(host: str | None, port: int | None, listen_fd: int | None, *, as_json: bool) -> None:
    """Serve the HTTP API on a socket that is bound before anything else starts."""
    import uvicorn

    from api.app import create_app
    from api.publisher import Publisher

    settings = load_settings()
    log_to_stderr(settings.log_level)
    listener = (
        socket.socket(fileno=listen_fd)
        if listen_fd is not None
        else listen(host or settings.api_host, settings.api_port if port is None else port)
    )
    needs_keys = keys_are_on(settings, listener)
    database = connect(settings.database())
    check_schema(database)
    authenticator = _authenticator(database, settings, listener) if needs_keys else None
    app = create_app(
        database,
        Publisher(settings.broker()),
        load_pairs(settings.pairs_file),
        settings,
        authenticator=authenticator,
    )
    sys.setswitchinterval(GIL_SWITCH_S)
    gc.collect()
    gc.freeze()  # what is there now stays: a collection that looks through all of it stops every request
    if as_json:
        print_json({"api_url": url_of(listener)})
    config = uvicorn.Config(
        app, log_level=settings.log_level.lower(), access_log=False, timeout_graceful_shutdown=LEAVE_S
    )
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens, for IPv4 where `host` has both. Raises InputError: the port is taken, say."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        return socket.create_server(address, family=family)
    except socket.gaierror as error:
        raise InputError(
            f"host: cannot listen on {host} ({error.strerror}); choose another with --host or SPECREASON_API_HOST"
        ) from error
    except OSError as error:
        raise InputError(
            f"port: cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); choose another with --port"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where a client finds the API that listens there."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def keys_are_on(settings: Settings, listener: socket.socket) -> bool:
    """Whether requests need a key. Raises InputError if they do not, and other machines could send some."""
    if settings.keys == "off" and not _is_local(listener):
        raise InputError(
            f"keys: SPECREASON_KEYS is off, and {listener.getsockname()[0]} can be reached from other machines;"
            " switch keys on, or listen on 127.0.0.1"
        )
    return settings.keys == "on" or (settings.keys == "auto" and not _is_local(listener))


def _authenticator(database: Database, settings: Settings, listener: socket.socket) -> Authenticator:
    """Who lets requests in. Raises InputError where other machines could reach an API that no key opens."""
    from api.door.authenticator import Authenticator

    if settings.admin_key is not None:
        ensure_operator_key(database, settings.admin_key.get_secret_value())
    if not _is_local(listener) and not has_key(database):
        raise InputError(
            f"keys: there is none yet, and {listener.getsockname()[0]} can be reached from other machines:"
            " make one with `specreason keys create`, or set SPECREASON_ADMIN_KEY"
        )
    return Authenticator(database, settings.broker(), settings)


def _is_local(listener: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return listener.family == socket.AF_UNIX or ip_address(listener.getsockname()[0]).is_loopback


def run_worker(pair: str, gpu: str | None, slots: int | None, *, as_json: bool) -> int:
    """Run one worker; its exit status."""
    from worker.app import make_app
    from worker.leader import Leader
    from worker.supervisor import Supervisor

    if slots is not None:
        os.environ["SPECREASON_SLOTS"] = str(slots)  # the worker's child reads it from there
    settings = load_settings()
    log_to_stderr(settings.log_level)
    pairs = load_pairs(settings.pairs_file)
    get_pair(pairs, pair)
    check_platform()
    database = connect(settings.database(), pool_size=4)
    check_schema(database)
    leader = Leader(database, make_app(settings.broker()), settings)
    if as_json:
        _let_children_log_on_stderr()
        print_json({"pair": pair, "pid": os.getpid()})
    status = Supervisor(database, leader, settings, pair, gpu).run()
    if status:
        report(f"the pair '{pair}' cannot be kept running; the log says why", status, as_json=as_json)
    return status


def _let_children_log_on_stderr() -> None:
    """Keep our stdout to ourselves: engines log on the one that they inherit."""
    sys.stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), 1)


def run_migrate() -> str:
    """Bring the schema to this version; its revision."""
    with opened_database() as database:
        return migrate(database)


@contextmanager
def opened_database() -> Iterator[Database]:
    """The database of SPECREASON_DATABASE_URL, for a command that asks it a thing or two."""
    database = connect(load_settings().database(), pool_size=1)
    try:
        yield database
    finally:
        database.dispose()
