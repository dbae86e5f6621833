"""What several processes and users do between two looks at the events leaves each end told, and told rightly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from api.webhooks.keeping import WebhookRules
from api.webhooks.posting import Poster
from api.webhooks.sender import WebhookSender
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.read.events import LAST_ID
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState
from specreason.store.webhooks import ends
from specreason.store.webhooks.outbox import Schedule, settle
from specreason.store.webhooks.subscriptions import Webhook, add_test, list_webhooks
from tests.support.store.builders import submit
from tests.support.store.sql import execute, scalar

EVERYONE = Viewer.EVERYONE


@pytest.fixture
def sender(database: Database, rules: WebhookRules, poster: Poster) -> Iterator[WebhookSender]:
    """One whose rounds the test begins."""
    sender = WebhookSender(database, rules, poster=poster)
    yield sender
    sender.close()


def test_events_that_come_faster_than_webhooks_are_looked_at_hold_up_no_message(
    database: Database,
    sender: WebhookSender,
    add: Callable[..., Webhook],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch ends whenever the mark is asked for, and every look leaves webhooks for another one."""
    monkeypatch.setattr(ends, "MOST_WEBHOOKS", 1)
    add()
    marks: list[int] = []

    def latest() -> int:
        assert len(marks) < 5, "the round goes on for as long as there are events"
        controls.cancel_batch(database, EVERYONE, submit(database))
        with transaction(database) as connection:
            marks.append(connection.scalar(LAST_ID) or 0)
        return marks[-1]

    monkeypatch.setattr(sender._mark, "latest", latest)
    sender._round()
    assert len(marks) == 1
    assert scalar(database, "SELECT count(*) FROM webhook_delivery") == 1


def test_a_batch_that_is_queued_again_while_its_end_is_written_down_has_not_ended(database: Database) -> None:
    batches = {submit(database), submit(database)}
    for batch_id in batches:
        controls.cancel_batch(database, EVERYONE, batch_id)
    with transaction(database) as connection:
        found = iter(ends._ends(connection, batches))
        first = next(found)
        (other,) = batches - {first.batch_id}
        assert controls.requeue_batch(database, EVERYONE, other, [JobState.CANCELLED]) == 1
        assert list(found) == []


def test_a_message_that_arrives_after_another_process_gave_it_up_is_delivered(
    database: Database, add: Callable[..., Webhook]
) -> None:
    sent = add_test(database, EVERYONE, add().webhook_id, "{}")
    execute(database, "UPDATE webhook_delivery SET given_up_at = now(), failure = 'no', num_tries = 2")
    settle(database, Schedule(), sent.delivery_id, None)
    (webhook,) = list_webhooks(database, EVERYONE)
    assert (webhook.num_delivered, webhook.num_given_up, webhook.num_waiting) == (1, 0, 0)
