"""Which addresses a webhook may have: https on a host that the administrator allows, http only where that is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from specreason.errors import InvalidField

SETTING = "SPECREASON_WEBHOOK_HOSTS"
LONGEST_URL = 2000
PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
# What a request line may hold: visible ASCII.
_PLAIN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a host in lower case, and a port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A webhook's address, in its parts: `path` is the path with its query."""

    origin: Origin
    path: str


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The origins that an administrator allows. Made by `parse`."""

    origins: frozenset[Origin]

    @classmethod
    def parse(cls, setting: str) -> AllowedHosts:
        """Read SPECREASON_WEBHOOK_HOSTS: `host`, `host:port` or `http://host:port`, with commas between.

        A name without `http://` allows https only. Raises InvalidField.
        """
        names = [name.strip() for name in setting.split(",") if name.strip()]
        return cls(frozenset(_origin_of(name) for name in names))

    def target(self, url: str) -> Target:
        """The parts of `url`, if a webhook may have it. Raises InvalidField."""
        if len(url) > LONGEST_URL or not _PLAIN.fullmatch(url):
            raise InvalidField("url", f"must be 1 to {LONGEST_URL} visible ASCII characters, without spaces")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidField("url", "is no URL such as https://host/path") from None
        if parts.scheme not in PORTS or not parts.hostname:
            raise InvalidField("url", "must begin with https:// and a host")
        if "@" in parts.netloc or parts.fragment:
            raise InvalidField("url", "must have no user, password or fragment")
        origin = Origin(
            parts.scheme, parts.hostname.rstrip("."), PORTS[parts.scheme] if port is None else port
        )
        if origin not in self.origins:
            raise InvalidField("url", f"names a host that {SETTING} does not allow with this scheme and port")
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        return Target(origin=origin, path=path)


def _origin_of(name: str) -> Origin:
    scheme, has_scheme, rest = name.rpartition("://")
    host, has_port, port = rest.lower().partition(":")
    number = PORTS.get(scheme or "https", 0) if not has_port else int(port) if port.isdecimal() else 0
    known = not has_scheme or scheme in PORTS
    if not (known and _HOST.fullmatch(host) and 0 < number < 65536):
        raise InvalidField(
            SETTING, f"'{name}' is neither a host, nor host:port, nor http:// and one of these"
        )
    return Origin(scheme or "https", host, number)
