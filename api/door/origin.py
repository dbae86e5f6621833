"""While keys are off, refuses requests that a page of another site makes through a local browser."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from api.site.paths import is_page
from specreason.errors import NotAllowed


def check_origin(scope: Scope) -> None:
    """Raise NotAllowed if a page of another site sent the request, also through a host name that it points here.

    Browsers fill in `Origin` and `Host` truthfully, and only they send `Origin`. No browser connects to a unix socket.
    """
    server = scope.get("server")
    if server is not None and server[1] is None:
        return
    headers = Headers(scope=scope)
    host = headers.get("Host", "")
    if not _is_this_machine(host):
        raise NotAllowed(
            f"Host: while keys are off, the API answers to localhost and 127.0.0.1, not to {host[:100]!r};"
            " switch keys on with SPECREASON_KEYS=on"
        )
    origin = headers.get("Origin")
    is_from_elsewhere = headers.get("Sec-Fetch-Site") == "cross-site" and not _follows_a_link(scope, headers)
    if is_from_elsewhere or (origin is not None and origin.partition("://")[2] != host):
        raise NotAllowed("Origin: a page of another site may not use an API without keys")


def _is_this_machine(host: str) -> bool:
    """Whether a Host header is a name that no other site can point to this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _follows_a_link(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link to one of our pages, which then fills the window: no other page reads it."""
    is_window = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return is_window and scope["method"] == "GET" and is_page(scope["path"])
