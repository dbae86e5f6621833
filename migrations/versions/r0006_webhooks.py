"""Webhooks: who is told that a batch has ended, and each message."""

from __future__ import annotations

from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE webhook (
        id UUID NOT NULL,
        owner TEXT,
        url TEXT NOT NULL,
        secret_hash TEXT NOT NULL,
        seen_event_id BIGINT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_webhook PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_webhook_owner_id ON webhook (owner, id)",
    """
    CREATE TABLE webhook_delivery (
        id UUID NOT NULL,
        webhook_id UUID NOT NULL,
        batch_id UUID,
        last_event_id BIGINT,
        body TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        next_try_at TIMESTAMP WITH TIME ZONE NOT NULL,
        num_tries INTEGER DEFAULT 0 NOT NULL,
        delivered_at TIMESTAMP WITH TIME ZONE,
        given_up_at TIMESTAMP WITH TIME ZONE,
        failure TEXT,
        CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
        CONSTRAINT fk_webhook_delivery_webhook_id FOREIGN KEY (webhook_id) REFERENCES webhook (id) ON DELETE CASCADE,
        CONSTRAINT uq_webhook_delivery_webhook_id_batch_id_last_event_id UNIQUE (webhook_id, batch_id, last_event_id)
    )
    """,
    "CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (next_try_at) "
    "WHERE delivered_at IS NULL AND given_up_at IS NULL",
)

DOWNGRADE = ("DROP TABLE webhook_delivery", "DROP TABLE webhook")


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
