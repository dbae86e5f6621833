"""Webhooks over the API: messages to an address of the user's when a batch ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from specreason.client.asking import change, read
from specreason.client.decoding import Rows, decode
from specreason.client.pages import read_pages
from specreason.client.transport import Transport, body_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook and how its messages fare. `secret` is there in the answer to `add` only."""

    webhook_id: UUID
    url: str
    created_at: datetime
    num_delivered: int
    num_waiting: int
    num_given_up: int
    last_delivered_at: datetime | None
    failure: str | None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message; `batch_id` is None of a test. `failure` says why its last try failed."""

    delivery_id: UUID
    batch_id: UUID | None
    created_at: datetime
    num_tries: int
    next_try_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    failure: str | None


class Webhooks:
    """Reached as `Client.webhooks`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, url: str) -> Webhook:
        """Get a message at `url` for every batch of yours that ends from now on. Keep the `secret`."""
        return change(self._transport, Webhook, "/api/webhooks", {"url": url})

    def list(self) -> tuple[Webhook, ...]:
        """The webhooks, the newest first."""
        return tuple(decode(Webhook, row) for row in read(self._transport, Rows, "/api/webhooks").data)

    def deliveries(self, webhook_id: UUID) -> Iterator[Delivery]:
        """The messages of the last 30 days, the newest first."""
        return read_pages(self._transport, f"/api/webhooks/{webhook_id}/deliveries", Delivery, "before")

    def test(self, webhook_id: UUID) -> Delivery:
        """Send a message of the type `webhook.test`; `deliveries` tells what becomes of it."""
        return change(self._transport, Delivery, f"/api/webhooks/{webhook_id}/test")

    def remove(self, webhook_id: UUID) -> Webhook:
        """Send nothing more to it."""
        path = f"/api/webhooks/{webhook_id}"
        return decode(Webhook, body_of(self._transport.request("DELETE", path, safe=False)))
