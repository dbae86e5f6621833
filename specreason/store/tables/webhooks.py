"""The tables of webhooks: who is told that a batch has ended, and each message. Reads and writes no row."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, UniqueConstraint, Uuid, text

from specreason.store.tables.columns import (
    count_column,
    created_at,
    id_column,
    metadata,
    moment,
    reference,
)

webhook = Table(
    "webhook",
    metadata,
    id_column(),
    Column("owner", Text),  # is told of its own batches; NULL: of those submitted without a key
    Column("url", Text, nullable=False),
    # SHA-256 of the secret, hex. The secret itself is derived from the id and SPECREASON_WEBHOOK_KEY.
    Column("secret_hash", Text, nullable=False),
    Column(
        "seen_event_id", BigInteger, nullable=False
    ),  # the ends up to this event are in `webhook_delivery`
    created_at(),
)
Index(None, webhook.c.owner, webhook.c.id)

# One message to one webhook. Its id is the message's own, the same at every try.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    id_column(),
    reference("webhook_id", "webhook.id"),
    Column("batch_id", Uuid),  # NULL: a test
    Column("last_event_id", BigInteger),  # the last `job_ended` of the batch, which tells its ends apart
    Column("body", Text, nullable=False),  # sent as it stands here, at every try
    created_at(),
    Column("next_try_at", DateTime(timezone=True), nullable=False),
    count_column("num_tries"),
    moment("delivered_at"),
    moment("given_up_at"),
    Column("failure", Text),  # why the last try failed
    UniqueConstraint("webhook_id", "batch_id", "last_event_id"),
)
UNSETTLED = "delivered_at IS NULL AND given_up_at IS NULL"
Index("ix_webhook_delivery_due", webhook_delivery.c.next_try_at, postgresql_where=text(UNSETTLED))

# Addresses may hold a token.
WEBHOOK_TABLES = (webhook, webhook_delivery)
