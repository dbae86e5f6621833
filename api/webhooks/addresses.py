"""Finds the address of a host, and refuses hosts that lead into the deployment's own network.

A name is looked up once and the connection goes to that very address, so that a second look-up cannot lead elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from specreason.errors import InputError

Lookup = Callable[[str, int], Sequence[str]]
Resolve = Callable[[str, int], str]

# Public by their number, but answered inside a cloud or translated to another address, which may be private.
NEVER = tuple(
    ip_network(each)
    for each in (
        "192.0.0.0/24",
        "168.63.129.16/32",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "fec0::/10",
    )
)


def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses that this machine's resolver gives for `host`. Raises InputError if there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise InputError("its host has no address")
    return tuple(str(entry[4][0]) for entry in found)


def public_address(lookup: Lookup = look_up) -> Resolve:
    """A resolver that gives a host's first address. It raises InputError unless all its addresses are public.

    Not public are private, loopback, link-local, shared, reserved and multicast addresses, and those of metadata.
    """

    def resolve(host: str, port: int) -> str:
        addresses = lookup(host, port)
        if not addresses:
            raise InputError("its host has no address")
        if not all(map(is_public, addresses)):
            raise InputError("its host has an address that is not public")
        return addresses[0]

    return resolve


def is_public(address: str) -> bool:
    """Whether packets to this address leave for the internet."""
    try:
        parsed = ip_address(address)
    except ValueError:  # with a zone, such as fe80::1%eth0
        return False
    inner = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return _is_public(inner or parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address in each for each in NEVER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
