"""Follows a stream of events. A connection that breaks is made again, behind the last event that came."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from specreason.client.decoding import decode, loaded
from specreason.client.transport import Backoff, Transport
from specreason.client.values import Event
from specreason.errors import TransientError, Unreachable

SILENCE_S = 60.0  # a live stream says something, if only a comment, more often than that
STREAM = "text/event-stream"
END = "end"


def follow(transport: Transport, path: str, after: int | None) -> Iterator[Event]:
    """Events behind the id `after`, in order, none twice, until the server says that there will be no more.

    Raises Unreachable once the server has been away for the transport's patience, and for an event that this client
    cannot read.
    """
    for message in _messages(transport, path, None if after is None else str(after)):
        yield decode(Event, loaded(message.data, "an event"))


def _messages(transport: Transport, path: str, last_id: str | None) -> Iterator[httpx2.ServerSentEvent]:
    """A server that answers is not away, however often its streams break off: on a quiet batch nothing else comes."""
    backoff = Backoff(transport.patience_s)
    while True:
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        try:
            with transport.stream(path, headers=headers, timeout_s=SILENCE_S) as response:
                if response.headers.get("Content-Type", "").startswith(STREAM):
                    backoff.answered()
                for message in httpx2.EventSource(response):
                    if message.event == END:
                        return
                    backoff.reset()
                    last_id = message.id or last_id
                    yield message
            broken: TransientError = Unreachable(f"API at {transport.base_url}: ended a stream too early")
        except TransientError as error:
            broken = error
        if not backoff.pause():
            raise broken
