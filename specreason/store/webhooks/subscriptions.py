"""Webhooks as users keep them: add, list, remove, and the newest messages of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, case, delete, func, insert, select
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.errors import InvalidField, NotFound
from specreason.store.access.visibility import Viewer
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import event
from specreason.store.tables.webhooks import webhook, webhook_delivery

MOST_PER_OWNER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """`webhook_id` is made by `new_id`, because the secret is derived from it; `secret_hash` is its SHA-256, hex."""

    webhook_id: UUID
    owner: str | None
    url: str
    secret_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook and how its messages fare: `num_waiting` are still to be delivered.

    `failure` is why the last try of the newest message that was tried failed; None if it was delivered.
    """

    webhook_id: UUID
    url: str
    created_at: datetime
    num_delivered: int
    num_waiting: int
    num_given_up: int
    last_delivered_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message. `batch_id` is None of a test. Neither time is set while it is still to be delivered."""

    delivery_id: UUID
    batch_id: UUID | None
    created_at: datetime
    num_tries: int
    next_try_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    failure: str | None


def new_id() -> UUID:
    """The id of a webhook that is still to be added."""
    return uuid7()


def add_webhook(database: Database, new: NewWebhook) -> Webhook:
    """Tell `url` of the owner's batches that end from now on. Raises InvalidField if the owner has too many."""
    with transaction(database) as connection:
        its = webhook.c.owner.is_not_distinct_from(new.owner)
        if (connection.scalar(select(func.count()).where(its)) or 0) >= MOST_PER_OWNER:
            raise InvalidField("url", f"an owner has {MOST_PER_OWNER} webhooks at most; remove one first")
        connection.execute(
            insert(webhook).values(
                id=new.webhook_id,
                owner=new.owner,
                url=new.url,
                secret_hash=new.secret_hash,
                seen_event_id=select(func.coalesce(func.max(event.c.id), 0)).scalar_subquery(),
            )
        )
        return _read(connection, webhook.c.id == new.webhook_id)[0]


def list_webhooks(database: Database, viewer: Viewer) -> tuple[Webhook, ...]:
    """The webhooks that the viewer sees, the newest first."""
    with transaction(database) as connection:
        return _read(connection, viewer.sees(webhook.c.owner))


def read_webhook(database: Database, viewer: Viewer, webhook_id: UUID) -> Webhook:
    """One webhook. Raises NotFound."""
    with transaction(database) as connection:
        return _one(connection, viewer, webhook_id)


def remove_webhook(database: Database, viewer: Viewer, webhook_id: UUID) -> Webhook:
    """Remove it with its messages; those on their way still arrive. Returns it as it was. Raises NotFound."""
    with transaction(database) as connection:
        found = _one(connection, viewer, webhook_id)
        connection.execute(delete(webhook).where(webhook.c.id == webhook_id))
    return found


def add_test(database: Database, viewer: Viewer, webhook_id: UUID, body: str) -> Delivery:
    """Send `body` as a message that tells of no batch. Raises NotFound."""
    with transaction(database) as connection:
        _one(connection, viewer, webhook_id)
        values = {"id": uuid7(), "webhook_id": webhook_id, "body": body, "next_try_at": now()}
        row = connection.execute(insert(webhook_delivery).values(values).returning(*webhook_delivery.c)).one()
    return _to_delivery(row)


def list_deliveries(
    database: Database, viewer: Viewer, webhook_id: UUID, *, before: UUID | None = None, limit: int = 50
) -> tuple[Delivery, ...]:
    """At most `limit` messages of the webhook, the newest first, with ids below `before`. Raises NotFound."""
    page = select(webhook_delivery).where(webhook_delivery.c.webhook_id == webhook_id)
    if before is not None:
        page = page.where(webhook_delivery.c.id < before)
    with transaction(database) as connection:
        _one(connection, viewer, webhook_id)
        rows = connection.execute(page.order_by(webhook_delivery.c.id.desc()).limit(limit)).all()
    return tuple(_to_delivery(row) for row in rows)


def _one(connection: Connection, viewer: Viewer, webhook_id: UUID) -> Webhook:
    found = _read(connection, (webhook.c.id == webhook_id) & viewer.sees(webhook.c.owner))
    if not found:
        raise NotFound(f"webhook: there is none with id {webhook_id}")
    return found[0]


def _read(connection: Connection, which: ColumnElement[bool]) -> tuple[Webhook, ...]:
    delivered, given_up = webhook_delivery.c.delivered_at, webhook_delivery.c.given_up_at
    is_waiting = delivered.is_(None) & given_up.is_(None)
    tried = webhook_delivery.alias()
    newest = (
        select(tried.c.failure)
        .where(tried.c.webhook_id == webhook.c.id, tried.c.num_tries > 0)
        .order_by(tried.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            webhook.c.id.label("webhook_id"),
            webhook.c.url,
            webhook.c.created_at,
            func.count(delivered).label("num_delivered"),
            func.count(case((is_waiting, webhook_delivery.c.id))).label("num_waiting"),
            func.count(given_up).label("num_given_up"),
            func.max(delivered).label("last_delivered_at"),
            newest.label("failure"),
        )
        .outerjoin(webhook_delivery, webhook_delivery.c.webhook_id == webhook.c.id)
        .where(which)
        .group_by(webhook.c.id)
        .order_by(webhook.c.id.desc())
    ).all()
    return tuple(Webhook(**row._mapping) for row in rows)


def _to_delivery(row: Row[Any]) -> Delivery:
    values = dict(row._mapping) | {"delivery_id": row.id}
    if row.delivered_at is not None or row.given_up_at is not None:
        values["next_try_at"] = None
    return Delivery(**{field.name: values[field.name] for field in fields(Delivery)})
