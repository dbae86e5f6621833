"""Reads a list of the API page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from specreason.client.decoding import Page, decode
from specreason.client.transport import Transport, body_of

T = TypeVar("T")
ROWS = 200


def read_pages(transport: Transport, path: str, shape: type[T], cursor: str, **filters: Any) -> Iterator[T]:
    """Every row as a value of `shape`. `cursor` is the parameter of the next page; filters of None are left out."""
    params = {"limit": ROWS} | {name: _sent(value) for name, value in filters.items() if value is not None}
    while True:
        page = decode(Page, body_of(transport.request("GET", path, safe=True, params=params)))
        for row in page.data:
            yield decode(shape, row)
        if page.next is None:
            return
        params[cursor] = page.next


def _sent(value: Any) -> Any:
    """Return a word of the command line as UTF-8 even if the terminal's encoding could not read it; else `value`."""
    return (
        value.encode(errors="surrogateescape").decode(errors="replace") if isinstance(value, str) else value
    )
