"""The commands that run a part of a deployment in the foreground, and those that ask its database a thing or two."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from specreason.cli.exits import report
from specreason.cli.show.output import print_json
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.migrate import migrate
from specreason.store.session import Database, connect


def serve_api(host: str | None, port: int | None, listen_fd: int | None, *, as_json: bool) -> None:
    """Serve the HTTP API on a socket that is bound before anything else starts."""
    from api.serve import listen, serve, url_of

    settings = load_settings()
    log_to_stderr(settings.log_level)
    listener = (
        socket.socket(fileno=listen_fd)
        if listen_fd is not None
        else listen(host or settings.api_host, settings.api_port if port is None else port)
    )
    say_where = (lambda: print_json({"api_url": url_of(listener)})) if as_json else None
    serve(settings, listener, on_ready=say_where)


def run_worker(pair: str, gpu: str | None, slots: int | None, *, as_json: bool) -> int:
    """Run one worker; its exit status."""
    from worker import serve

    if slots is not None:
        os.environ["SPECREASON_SLOTS"] = str(slots)  # the worker's child reads it from there
    status = serve.run_worker(pair, gpu, on_ready=(lambda: _say_who(pair)) if as_json else None)
    if status:
        report(f"the pair '{pair}' cannot be kept running; the log says why", status, as_json=as_json)
    return status


def _say_who(pair: str) -> None:
    """Print it as JSON, and keep stdout from the children: engines log on the one that they inherit."""
    sys.stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), 1)
    print_json({"pair": pair, "pid": os.getpid()})


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
