"""A receiver on this machine, and senders to it that take its name for its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.webhooks.hosts import AllowedHosts
from api.webhooks.keeping import WebhookRules
from api.webhooks.posting import Poster
from api.webhooks.sender import WebhookSender
from api.webhooks.signing import hash_of
from specreason.store.session import Database
from specreason.store.webhooks.outbox import Schedule
from specreason.store.webhooks.subscriptions import NewWebhook, Webhook, add_webhook, new_id
from tests.support.receiver import Receiver, receiving
from tests.support.sending import KEY

SOON = Schedule(first_s=0.3, longest_s=0.6)
# However slow the machine is, a try ends before the next one.
LATER = Schedule(first_s=60)

Start = Callable[..., WebhookSender]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def rules(receiver: Receiver) -> WebhookRules:
    return WebhookRules(AllowedHosts.parse(receiver.origin), KEY)


@pytest.fixture
def poster(receiver: Receiver) -> Poster:
    return Poster(resolve=lambda host, port: "127.0.0.1", tls=receiver.tls)


@pytest.fixture
def start(database: Database, rules: WebhookRules, poster: Poster) -> Iterator[Start]:
    """Starts senders, which end with the test."""
    with ExitStack() as stack:

        def started(**given: Any) -> WebhookSender:
            arguments = {"poster": poster, "schedule": LATER, "every_s": 0.1} | given
            sender = WebhookSender(database, rules, **arguments)
            sender.start()
            stack.callback(sender.close)
            return sender

        yield started


@pytest.fixture
def add(database: Database, rules: WebhookRules, receiver: Receiver) -> Callable[..., Webhook]:
    def added(owner: str | None = None, url: str | None = None) -> Webhook:
        id_ = new_id()
        hash_ = hash_of(rules.secret_of(id_))
        return add_webhook(
            database, NewWebhook(webhook_id=id_, owner=owner, url=url or receiver.url, secret_hash=hash_)
        )

    return added
