"""The messages that are due: taken for a try, and settled or left for a later one.

A try is noted before the message is sent: if its process dies, the message is due again after the pause, under the
same id. So each is delivered once at least, and a receiver knows a second copy by its id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, delete, func, literal, select, text, update
from sqlalchemy.sql.functions import now

from specreason.store.session import Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.webhooks import UNSETTLED, webhook, webhook_delivery

# Messages of one webhook that one process sends at the same time; the others' messages use the rest.
MOST_OF_ONE = 2
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The pauses between tries in seconds, each three times the one before, and after how many days no other follows.

    The first pause is longer than a try may take.
    """

    first_s: float = 20.0
    longest_s: float = 4 * 3600.0
    days: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMessage:
    """A message and its webhook, for one try."""

    delivery_id: UUID
    webhook_id: UUID
    url: str
    secret_hash: str
    body: str


def take_due(
    database: Database, schedule: Schedule, *, limit: int, busy: Collection[UUID] = ()
) -> tuple[DueMessage, ...]:
    """At most `limit` messages that are due, none of the webhooks in `busy`, and note a try of each."""
    is_due = text(f"{UNSETTLED} AND next_try_at <= now()")
    place = func.row_number().over(
        partition_by=webhook_delivery.c.webhook_id, order_by=webhook_delivery.c.next_try_at
    )
    due = select(webhook_delivery.c.id, place.label("place")).where(is_due)
    if busy:
        due = due.where(~one_of_ids(webhook_delivery.c.webhook_id, busy))
    first = due.subquery()
    chosen = (
        select(webhook_delivery.c.id)
        .where(webhook_delivery.c.id.in_(select(first.c.id).where(first.c.place <= MOST_OF_ONE)), is_due)
        .order_by(webhook_delivery.c.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    tries = func.least(webhook_delivery.c.num_tries, 20)
    pause_s = func.least(literal(schedule.longest_s), literal(schedule.first_s) * func.power(3, tries))
    with transaction(database) as connection:
        ids = connection.scalars(chosen).all()
        if not ids:
            return ()
        rows = connection.execute(
            update(webhook_delivery)
            .where(one_of_ids(webhook_delivery.c.id, ids), webhook.c.id == webhook_delivery.c.webhook_id)
            .values(
                num_tries=webhook_delivery.c.num_tries + 1,
                next_try_at=now() + func.make_interval(0, 0, 0, 0, 0, 0, pause_s),
            )
            .returning(
                webhook_delivery.c.id.label("delivery_id"),
                webhook_delivery.c.webhook_id,
                webhook_delivery.c.body,
                webhook.c.url,
                webhook.c.secret_hash,
            )
        ).all()
    return tuple(DueMessage(**row._mapping) for row in rows)


def settle(database: Database, schedule: Schedule, delivery_id: UUID, failure: str | None) -> None:
    """Note the end of a try: delivered without a `failure`; with one, given up if its days are over."""
    is_late = webhook_delivery.c.next_try_at > webhook_delivery.c.created_at + timedelta(days=schedule.days)
    values = (
        {"delivered_at": now(), "given_up_at": None, "failure": None}
        if failure is None
        else {"failure": failure, "given_up_at": case((is_late, now()))}
    )
    with transaction(database) as connection:
        connection.execute(
            update(webhook_delivery)
            .where(webhook_delivery.c.id == delivery_id, webhook_delivery.c.delivered_at.is_(None))
            .values(values)
        )


def forget_old(database: Database) -> int:
    """Delete messages that were settled long ago; return how many."""
    settled_at = func.coalesce(webhook_delivery.c.delivered_at, webhook_delivery.c.given_up_at)
    with transaction(database) as connection:
        return connection.execute(
            delete(webhook_delivery).where(settled_at < now() - timedelta(days=KEPT_DAYS))
        ).rowcount
