"""One request and the value in its answer."""

from __future__ import annotations

from typing import Any, TypeVar

from specreason.client.decoding import decode
from specreason.client.transport import Transport, body_of

T = TypeVar("T")


def read(transport: Transport, shape: type[T], path: str) -> T:
    """The value at `path`, asked for again while the API is away."""
    return decode(shape, body_of(transport.request("GET", path, safe=True)))


def change(transport: Transport, shape: type[T], path: str, body: Any = None) -> T:
    """The value after a change that is asked for once: after a failure nobody knows if it took effect, and twice may
    differ."""
    return decode(shape, body_of(transport.request("POST", path, safe=False, json=body)))
