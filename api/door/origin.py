"""Without keys, whoever reaches the API may do everything: no web page in a browser on this machine may."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from specreason.errors import NotAllowed


def check_origin(scope: Scope) -> None:
    """Raise NotAllowed for what a page of another site sends, by its own name or by one that it made point here.

    Browsers say truly where a request comes from, and whom they take us for; nothing else sends `Origin`. Through a
    unix socket no browser comes.
    """
    server = scope.get("server")
    if server is not None and server[1] is None:
        return
    headers = Headers(scope=scope)
    host = headers.get("Host", "")
    if not _is_this_machine(host):
        raise NotAllowed(
            f"Host: without API keys we answer to localhost and 127.0.0.1, not to {host[:100]!r}; switch keys on"
            " with SPECREASON_KEYS=on"
        )
    origin = headers.get("Origin")
    if headers.get("Sec-Fetch-Site") == "cross-site" or (
        origin is not None and origin.partition("://")[2] != host
    ):
        raise NotAllowed("Origin: a page of another site may not use an API without keys")


def _is_this_machine(host: str) -> bool:
    """Whether a Host header is a name that nobody else can make point here."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
