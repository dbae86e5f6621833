"""Every end of a batch reaches its owner's webhooks, signed, once at least and under one id."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from uuid import UUID

from api.webhooks.keeping import WebhookRules
from api.webhooks.sender import WebhookSender
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.webhooks.outbox import Schedule, take_due
from specreason.store.webhooks.subscriptions import Webhook, add_test, list_deliveries, list_webhooks
from tests.integration.api.webhooks.conftest import SOON, Start
from tests.support.receiver import Got, Receiver
from tests.support.store.builders import submit
from tests.support.store.sql import execute, rows_of, scalar
from tests.support.workers.processes import wait_for

Add = Callable[..., Webhook]


def end(database: Database, *batch_ids: UUID) -> None:
    for batch_id in batch_ids:
        controls.cancel_batch(database, Viewer.EVERYONE, batch_id)


def num_delivered(database: Database) -> object:
    return scalar(database, "SELECT count(*) FROM webhook_delivery WHERE delivered_at IS NOT NULL")


def delivery_of(database: Database, webhook: Webhook, place: int = 0):  # type: ignore[no-untyped-def]
    return list_deliveries(database, Viewer.EVERYONE, webhook.webhook_id)[place]


def test_the_end_of_a_batch_arrives_with_counts_and_a_signature_that_the_secret_verifies(
    database: Database, receiver: Receiver, rules: WebhookRules, add: Add, start: Start
) -> None:
    webhook = add()
    batch_id = submit(database, 3)
    start()
    end(database, batch_id)
    wait_for(lambda: num_delivered(database) == 1)
    (got,) = receiver.got
    assert got.path == "/hook?x=1"
    assert got.headers["host"] == receiver.origin
    body = json.loads(got.body)
    assert body["type"] == "batch.ended"
    assert body["data"] == {
        "batch_id": str(batch_id),
        "num_jobs": 3,
        "num_succeeded": 0,
        "num_failed": 0,
        "num_cancelled": 3,
        "num_expired": 0,
        "num_dead": 0,
    }
    assert is_signed(got, rules.secret_of(webhook.webhook_id))
    assert not is_signed(got, rules.secret_of(UUID(int=7)))
    delivery = delivery_of(database, webhook)
    assert (delivery.batch_id, delivery.num_tries, delivery.failure) == (batch_id, 1, None)


def is_signed(got: Got, secret: bytes) -> bool:
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.{got.body}"
    expected = base64.b64encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest()).decode()
    return got.headers["webhook-signature"] == f"v1,{expected}"


def test_a_batch_with_an_open_job_is_not_told_and_its_end_is(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    add()
    partly, whole = submit(database, 2), submit(database, 1)
    (job_id, *_) = rows_of(database, f"SELECT id FROM job WHERE batch_id = '{partly}'")[0]
    start()
    controls.cancel_job(database, Viewer.EVERYONE, job_id)
    end(database, whole)  # whose message shows that the events until then have been looked at
    wait_for(lambda: num_delivered(database) == 1)
    assert [json.loads(got.body)["data"]["batch_id"] for got in receiver.got] == [str(whole)]
    end(database, partly)
    wait_for(lambda: num_delivered(database) == 2)
    assert json.loads(receiver.got[1].body)["data"]["num_cancelled"] == 2


def test_a_batch_that_is_queued_again_before_anyone_looked_is_told_twice(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    add()
    batch_id = submit(database, 2)
    end(database, batch_id)
    assert controls.requeue_batch(database, Viewer.EVERYONE, batch_id, [JobState.CANCELLED]) == 2
    end(database, batch_id)
    start()
    wait_for(lambda: num_delivered(database) == 2)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 2
    assert {json.loads(got.body)["data"]["batch_id"] for got in receiver.got} == {str(batch_id)}


def test_only_the_owners_batches_that_end_after_it_was_added_are_told(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    hers, his, before = submit(database), submit(database), submit(database)
    execute(database, f"UPDATE batch SET owner = 'ada' WHERE id IN ('{hers}', '{before}')")
    execute(database, f"UPDATE batch SET owner = 'bob' WHERE id = '{his}'")
    end(database, before)
    webhook = add("ada")
    start()
    end(database, his, hers)
    wait_for(lambda: num_delivered(database) == 1)
    assert json.loads(receiver.got[0].body)["data"]["batch_id"] == str(hers)
    assert scalar(database, "SELECT count(*) FROM webhook_delivery") == 1
    assert list_webhooks(database, Viewer.of("bob")) == ()
    assert [each.webhook_id for each in list_webhooks(database, Viewer.of("ada"))] == [webhook.webhook_id]


def test_a_message_is_tried_again_under_the_same_id_until_it_is_taken(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    receiver.answer = lambda number: (500, {}) if number < 3 else (204, {})
    webhook = add()
    batch_id = submit(database)
    start(schedule=SOON)
    end(database, batch_id)
    wait_for(lambda: num_delivered(database) == 1)
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert delivery_of(database, webhook).num_tries == len(receiver.got) >= 4


def test_the_pauses_between_tries_grow(database: Database, add: Add) -> None:
    webhook = add()
    add_test(database, Viewer.EVERYONE, webhook.webhook_id, "{}")
    pauses = []
    for _ in range(5):
        assert len(take_due(database, Schedule(first_s=10, longest_s=600), limit=9)) == 1
        (row,) = rows_of(
            database, "SELECT extract(epoch FROM next_try_at - now())::float8 FROM webhook_delivery"
        )
        pauses.append(round(row[0]))
        execute(database, "UPDATE webhook_delivery SET next_try_at = now()")
    assert [round(pause, -1) for pause in pauses] == [10, 30, 90, 270, 600]


def test_a_message_is_given_up_after_its_days(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    receiver.answer = lambda number: (503, {})
    webhook = add()
    add_test(database, Viewer.EVERYONE, webhook.webhook_id, "{}")
    start(schedule=Schedule(first_s=0.2, longest_s=0.2, days=1 / 86_400))
    wait_for(lambda: delivery_of(database, webhook).given_up_at is not None)
    given_up = delivery_of(database, webhook)
    assert given_up.failure == "it answers with status 503"
    assert given_up.num_tries == len(receiver.got) > 1
    assert given_up.next_try_at is None
    (counted,) = list_webhooks(database, Viewer.EVERYONE)
    assert (counted.num_given_up, counted.num_waiting, counted.num_delivered) == (1, 0, 0)


def test_a_message_whose_process_died_in_the_middle_is_sent_by_the_next(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    """The first process has taken the message and is gone before it settles it."""
    webhook = add()
    end(database, submit(database))
    first = start(every_s=60)
    wait_for(lambda: num_delivered(database) == 1)
    first.close()
    execute(database, "UPDATE webhook_delivery SET delivered_at = NULL, next_try_at = now()")
    assert len(take_due(database, SOON, limit=1)) == 1
    start()
    wait_for(lambda: num_delivered(database) == 1)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    assert delivery_of(database, webhook).num_tries == 3


def test_a_message_of_a_killed_process_arrives_from_the_next_under_the_same_id(
    database: Database, database_url: str, receiver: Receiver, add: Add, start: Start
) -> None:
    """The process is killed while the receiver, which has the message, has not answered yet."""
    killed = threading.Event()

    def answer(number: int) -> tuple[int, dict[str, str]]:
        if number == 0:
            killed.wait(60)
        return 200, {}

    receiver.answer = answer
    add()
    command = [sys.executable, "-m", "tests.support.sending", database_url, receiver.origin]
    with subprocess.Popen([*command, str(receiver.certificate)]) as process:
        batch_id = submit(database)
        end(database, batch_id)
        wait_for(lambda: len(receiver.got) == 1)
        process.kill()
    killed.set()
    assert num_delivered(database) == 0
    start()
    wait_for(lambda: num_delivered(database) == 1)
    assert len(receiver.got) == 2
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert json.loads(receiver.got[1].body)["data"]["batch_id"] == str(batch_id)


def test_a_hundred_ends_arrive_once_each_from_two_processes(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    add()
    batches = [submit(database) for _ in range(100)]
    start()
    start()
    end(database, *batches)
    wait_for(lambda: num_delivered(database) == 100)
    told = [json.loads(got.body)["data"]["batch_id"] for got in receiver.got]
    assert sorted(told) == sorted(map(str, batches))
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 100


def test_messages_on_their_way_are_settled_before_a_sender_has_closed(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    webhook = add()
    add_test(database, Viewer.EVERYONE, webhook.webhook_id, "{}")
    sender: WebhookSender = start()
    wait_for(lambda: len(receiver.got) == 1)
    sender.close()
    assert num_delivered(database) == 1


def test_another_key_sends_nothing_that_the_receiver_could_not_verify(
    database: Database, receiver: Receiver, add: Add, start: Start
) -> None:
    webhook = add()
    execute(database, "UPDATE webhook SET secret_hash = 'other'")
    add_test(database, Viewer.EVERYONE, webhook.webhook_id, "{}")
    start()
    wait_for(lambda: delivery_of(database, webhook).failure is not None)
    assert "SPECREASON_WEBHOOK_KEY has changed" in str(delivery_of(database, webhook).failure)
    assert receiver.got == []
