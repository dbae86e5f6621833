"""Webhooks and their messages as tables."""

from __future__ import annotations

from collections.abc import Iterable

from specreason.cli.show.output import data_console, moment
from specreason.cli.show.tables import Column, print_table
from specreason.client import short_id
from specreason.client.webhooks import Delivery, Webhook

COLUMNS = (
    Column(heading="webhook"),
    Column(heading="url", least=20, keeps="ends"),
    Column(heading="delivered"),
    Column(heading="waiting"),
    Column(heading="given up", drop=2),
    Column(heading="last delivered", drop=1),
    Column(heading="last failure", least=12, drop=3),
)
OF_DELIVERY = (
    Column(heading="message"),
    Column(heading="batch"),
    Column(heading="created"),
    Column(heading="tries"),
    Column(heading="state"),
    Column(heading="last failure", least=12, drop=1),
)


def print_webhooks(webhooks: Iterable[Webhook]) -> None:
    """Print one row per webhook."""
    print_table(
        data_console(),
        COLUMNS,
        (
            (
                short_id(each.webhook_id),
                each.url,
                f"{each.num_delivered:,}",
                f"{each.num_waiting:,}",
                f"{each.num_given_up:,}",
                None if each.last_delivered_at is None else moment(each.last_delivered_at),
                each.failure,
            )
            for each in webhooks
        ),
    )


def print_deliveries(deliveries: Iterable[Delivery]) -> None:
    """Print one row per message."""
    print_table(
        data_console(),
        OF_DELIVERY,
        (
            (
                short_id(each.delivery_id),
                "test" if each.batch_id is None else short_id(each.batch_id),
                moment(each.created_at, seconds=True),
                f"{each.num_tries:,}",
                state_of(each),
                each.failure,
            )
            for each in deliveries
        ),
    )


def state_of(delivery: Delivery) -> str:
    """What has become of a message, in a word or two."""
    if delivery.delivered_at is not None:
        return "delivered"
    return "waiting" if delivery.given_up_at is None else "given up"
