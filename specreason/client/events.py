"""Follows a stream of events. A connection that breaks is made again, behind the last event that came."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from specreason.client.decoding import decode, loaded
from specreason.client.transport import Backoff, Transport
from specreason.client.values import Event
from specreason.errors import TransientError, Unreachable

SILENCE_S = 60.0  # a live stream says something, if only a comment, more often than that
END = "end"


def follow(transport: Transport, path: str, after: int | None) -> Iterator[Event]:
    """Events behind the id `after`, in order, none twice, until the server says that there will be no more.

    Raises Unreachable once the server has been away for the transport's patience.
    """
    last = after
    backoff = Backoff(transport.patience_s)
    while True:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        try:
            with transport.stream(path, headers=headers, timeout_s=SILENCE_S) as response:
                for event in httpx2.EventSource(response):
                    if event.event == END:
                        return
                    change = decode(Event, loaded(event.data, "an event"))
                    backoff.reset()
                    last = change.id
                    yield change
            broken: TransientError = Unreachable(f"API at {transport.base_url}: ended a stream too early")
        except TransientError as error:
            broken = error
        if not backoff.pause():
            raise broken
