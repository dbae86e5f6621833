"""`specreason api`: the HTTP API, in the foreground until SIGTERM."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from specreason.cli.options import AsJson
from specreason.cli.show.output import print_json
from specreason.logs import log_to_stderr
from specreason.settings import load_settings


def api(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: SPECREASON_API_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on; 0: any free one. Default: SPECREASON_API_PORT."
        ),
    ] = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the HTTP API. Needs SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL."""
    from api.serve import listen, serve, url_of

    settings = load_settings()
    log_to_stderr(settings.log_level, settings.log_format)
    # The socket is bound before anything else starts.
    listener = (
        socket.socket(fileno=listen_fd)
        if listen_fd is not None
        else listen(host or settings.api_host, settings.api_port if port is None else port)
    )
    print_url = (lambda: print_json({"api_url": url_of(listener)})) if as_json else None
    with listener:
        serve(settings, listener, on_ready=print_url)
