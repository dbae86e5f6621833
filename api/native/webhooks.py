"""Webhooks: a message to an address of the user's when a batch ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field

from api.answers.extended import extended
from api.answers.pages import Page
from api.answers.tags import Tag
from api.deployment import Store, deployment_of
from api.door.access import CONTROL, Viewer, caller_of
from api.webhooks.hosts import LONGEST_URL, SETTING
from api.webhooks.keeping import WebhookRules
from api.webhooks.signing import hash_of, written_secret
from specreason.errors import InvalidField
from specreason.store.webhooks import subscriptions
from specreason.store.webhooks.ends import trial_body
from specreason.store.webhooks.subscriptions import Delivery, NewWebhook, Webhook
from specreason.validation import ClosedModel

router = APIRouter(prefix="/api", tags=[Tag.WEBHOOKS], dependencies=[CONTROL])


class WebhookBody(ClosedModel):
    """The address that gets a message when a batch of yours ends: https, on a host that the administrator allows."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedWebhook(Webhook):
    """The new webhook. `secret` verifies its messages, and is shown here only."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookList:
    """Webhooks, the newest first."""

    data: tuple[Webhook, ...]


@router.post("/webhooks", status_code=201, summary="Add a webhook")
def add_webhook(request: Request, store: Store, body: WebhookBody) -> AddedWebhook:
    """Get a signed message at `url` for every batch of yours that ends from now on."""
    rules = _rules(request)
    rules.hosts.target(body.url)
    webhook_id = subscriptions.new_id()
    secret = rules.secret_of(webhook_id)
    owner = caller_of(request).owner
    new = NewWebhook(webhook_id=webhook_id, owner=owner, url=body.url, secret_hash=hash_of(secret))
    return extended(AddedWebhook, subscriptions.add_webhook(store, new), secret=written_secret(secret))


@router.get("/webhooks", summary="List webhooks")
def get_webhooks(store: Store, viewer: Viewer) -> WebhookList:
    """The webhooks, the newest first, and how many of their messages were delivered, wait, or were given up."""
    return WebhookList(data=subscriptions.list_webhooks(store, viewer))


@router.get("/webhooks/{webhook_id}/deliveries", summary="List the messages to a webhook")
def get_deliveries(
    store: Store,
    viewer: Viewer,
    webhook_id: UUID,
    *,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Page[Delivery, UUID]:
    """A page of messages of the last 30 days, the newest first: their tries, and why the last one failed."""
    rows = subscriptions.list_deliveries(store, viewer, webhook_id, before=before, limit=limit)
    return Page(data=rows, next=rows[-1].delivery_id if len(rows) == limit else None)


@router.post("/webhooks/{webhook_id}/test", summary="Send a test message to a webhook")
def send_test(request: Request, store: Store, viewer: Viewer, webhook_id: UUID) -> Delivery:
    """Send a message of the type `webhook.test`. It leaves after this answer; the list of messages tells more."""
    _rules(request)
    return subscriptions.add_test(store, viewer, webhook_id, trial_body())


@router.delete("/webhooks/{webhook_id}", summary="Remove a webhook")
def remove_webhook(store: Store, viewer: Viewer, webhook_id: UUID) -> Webhook:
    """Send nothing more to it. Returns the webhook as it was."""
    return subscriptions.remove_webhook(store, viewer, webhook_id)


def _rules(request: Request) -> WebhookRules:
    rules = deployment_of(request).webhook_rules
    if rules is None:
        raise InvalidField("webhooks", f"are off: an administrator allows hosts for them with {SETTING}")
    return rules
