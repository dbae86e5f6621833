"""Runs the API as a process: opens its socket, decides whether requests need a key, and serves until SIGTERM."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from specreason.broker import refuse_cluster
from specreason.doorbell import Doorbell
from specreason.errors import InputError
from specreason.pairs import load_pairs
from specreason.settings import Settings
from specreason.store.access.keys import ensure_operator_key, has_key
from specreason.store.migrate import check_schema
from specreason.store.session import Database, connect

if TYPE_CHECKING:
    from api.door.authenticator import Authenticator

# With Python's default of 5 ms, the thread of one large submission would delay every small read.
GIL_SWITCH_S = 0.0005
# Grace after SIGTERM for requests in progress: a stalled client must not keep the process alive.
LEAVE_S = 5


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; IPv4 if `host` has both. Raises InputError if it cannot listen there."""
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(addresses, key=lambda each: each[0] != socket.AF_INET)
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
    """The URL at which clients reach the API on this socket."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def keys_are_on(settings: Settings, listener: socket.socket) -> bool:
    """Whether requests need a key. Raises InputError if keys are off and other machines can reach the API."""
    if settings.keys == "off" and not _is_local(listener):
        raise InputError(
            f"keys: SPECREASON_KEYS is off, and {listener.getsockname()[0]} can be reached from other machines;"
            " switch keys on, or listen on 127.0.0.1"
        )
    return settings.keys == "on" or (settings.keys == "auto" and not _is_local(listener))


def authenticator_for(database: Database, settings: Settings, listener: socket.socket) -> Authenticator:
    """Make the authenticator. If the settings have an administrator's key, store it first.

    Raises InputError if there is no key at all and other machines can reach the API.
    """
    from api.door.authenticator import Authenticator

    if settings.admin_key is not None:
        ensure_operator_key(database, settings.admin_key.get_secret_value())
    if not _is_local(listener) and not has_key(database):
        raise InputError(
            f"keys: there is none yet, and {listener.getsockname()[0]} can be reached from other machines:"
            " make one with `specreason keys create`, or set SPECREASON_ADMIN_KEY"
        )
    return Authenticator(database, settings.broker(), settings)


def serve(settings: Settings, listener: socket.socket, *, on_ready: Callable[[], None] | None = None) -> None:
    """Serve the HTTP API on `listener` until SIGTERM; call `on_ready` just before the first request.

    Raises InputError for settings that cannot work, StoreUnavailable if Postgres does not answer.
    """
    # Imported here because the process that only opens the socket needs no web server.
    import uvicorn

    from api.app import create_app

    needs_keys = keys_are_on(settings, listener)
    database_url, broker_url = settings.database(), settings.broker()
    refuse_cluster(broker_url)
    database = connect(database_url)
    check_schema(database)
    app = create_app(
        database,
        Doorbell(broker_url),
        load_pairs(settings.pairs_file),
        settings,
        authenticator=authenticator_for(database, settings, listener) if needs_keys else None,
    )
    sys.setswitchinterval(GIL_SWITCH_S)
    gc.collect()
    # These objects live as long as the process; a collection that visits them all would stop every request.
    gc.freeze()
    if on_ready is not None:
        on_ready()
    config = uvicorn.Config(
        app,
        log_config=None,  # this process's own
        log_level=settings.log_level.lower(),
        access_log=False,
        timeout_graceful_shutdown=LEAVE_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _is_local(listener: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return listener.family == socket.AF_UNIX or ip_address(listener.getsockname()[0]).is_loopback
