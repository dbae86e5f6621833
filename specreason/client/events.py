"""Follows a stream of events. After a broken connection it connects again, behind the last event it received."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from specreason.client.decoding import decode, loaded
from specreason.client.transport import Backoff, Transport
from specreason.client.values import Event
from specreason.errors import TransientError, Unreachable

# A live stream sends at least a comment more often than this.
SILENCE_S = 60.0
STREAM = "text/event-stream"
END = "end"


def follow(transport: Transport, path: str, after: int | None) -> Iterator[Event]:
    """Events behind the id `after`, in order, none twice, until the server announces the end.

    Raises Unreachable once the server has been away for the transport's patience, and for an event that this client
    cannot read.
    """
    for message in _messages(transport, path, None if after is None else str(after)):
        yield decode(Event, loaded(message.data, "an event"))


def _messages(transport: Transport, path: str, last_id: str | None) -> Iterator[httpx2.ServerSentEvent]:
    """Messages of the stream. A server that answers counts as present, even if its streams bring no event."""
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
