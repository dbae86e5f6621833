"""`specreason webhook`: a signed message to an address of yours when a batch ends."""

from __future__ import annotations

import time
from itertools import islice
from typing import Annotated
from uuid import UUID

import typer

from specreason.cli.connection import connected
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson, Commands
from specreason.cli.show.output import (
    print_answer,
    print_json,
    print_list_as_json,
    print_message,
    tell_of_more,
)
from specreason.cli.show.webhooks import print_deliveries, print_webhooks, state_of
from specreason.client import Client
from specreason.client.references import the_one, whole_id
from specreason.client.webhooks import Delivery

# How long `test` waits for the first try, and how often it looks.
WAIT_S = 30.0
LOOK_EVERY_S = 0.5

WebhookRef = Annotated[
    str,
    typer.Argument(
        metavar="WEBHOOK", help="Its id, a beginning or end of it of four digits or more, or its url."
    ),
]

app = typer.Typer(
    cls=Commands, help="Get a signed message when a batch ends, and look after it.", no_args_is_help=True
)


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where the messages go: https, on a host the API allows.")],
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add a webhook for every batch of yours that ends from now on. Its secret is shown once, here."""
    with connected(api) as client:
        added = client.webhooks.add(url)
    if as_json:
        print_json(added)
        return
    print_message(f"webhook {added.webhook_id}; keep its secret, with which you verify messages:")
    typer.echo(added.secret)


@app.command("list")
def list_(api: ApiUrl = None, as_json: AsJson = False) -> None:
    """List your webhooks, and how many of their messages were delivered, wait, or were given up."""
    with connected(api) as client:
        rows = client.webhooks.list()
    if as_json:
        print_list_as_json(rows)
    else:
        print_webhooks(rows)


@app.command()
def deliveries(
    ref: WebhookRef,
    limit: Annotated[int, typer.Option(min=1, help="Most messages to list.")] = 20,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List a webhook's messages of the last 30 days, the newest first."""
    with connected(api) as client:
        found = list(islice(client.webhooks.deliveries(_found(client, ref)), limit + 1))
    if as_json:
        print_list_as_json(found[:limit], has_more=len(found) > limit)
        return
    print_deliveries(found[:limit])
    tell_of_more(len(found) > limit)


@app.command()
def remove(ref: WebhookRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Remove a webhook. Messages that wait are not sent any more."""
    with connected(api) as client:
        removed = client.webhooks.remove(_found(client, ref))
    answer = {"webhook_id": removed.webhook_id, "removed": True}
    print_answer(answer, f"removed {removed.webhook_id}", as_json=as_json)


@app.command("test")
def send_test(ref: WebhookRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Send a test message, and say what became of it; exit status 3 if it was not delivered at the first try."""
    with connected(api) as client:
        webhook_id = _found(client, ref)
        sent = client.webhooks.test(webhook_id)
        tried = _first_try(client, webhook_id, sent)
    if as_json:
        print_json(tried)
    else:
        words = state_of(tried) if tried.failure is None else f"not delivered: {tried.failure}"
        print_answer(tried, f"webhook {ref}: {words}", as_json=False)
    if tried.delivered_at is None:
        raise typer.Exit(EXIT_SOME_FAILED)


def _first_try(client: Client, webhook_id: UUID, sent: Delivery) -> Delivery:
    """The message after its first try; as it is after WAIT_S seconds in any case."""
    ends_at = time.monotonic() + WAIT_S
    while True:
        found = next(
            (each for each in client.webhooks.deliveries(webhook_id) if each.delivery_id == sent.delivery_id),
            sent,
        )
        if found.delivered_at is not None or found.failure is not None or time.monotonic() > ends_at:
            return found
        time.sleep(LOOK_EVERY_S)


def _found(client: Client, ref: str) -> UUID:
    """Return the id of the webhook that `ref` names."""
    if (whole := whole_id(ref)) is not None:
        return whole
    digits = ref.replace("-", "").lower()
    is_part = len(digits) >= 4
    called = [
        (each.webhook_id, each.created_at)
        for each in client.webhooks.list()
        if each.url == ref
        or (is_part and (each.webhook_id.hex.startswith(digits) or each.webhook_id.hex.endswith(digits)))
    ]
    return the_one("webhook", ref, called)
