"""API keys with owners, scopes and limits; what belongs to whom; answers kept under their idempotency key (2026-11-24)."""
# ruff: noqa: E501 -- one line a constraint

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# No earlier version had keys, or kept what it answered: the rows of both tables say too little to be of use.
UPGRADE = """
DELETE FROM api_key;
ALTER TABLE api_key
    ADD COLUMN owner TEXT NOT NULL,
    ADD COLUMN scopes TEXT[] NOT NULL,
    ADD COLUMN max_queued_jobs INTEGER,
    ADD COLUMN requests_per_minute INTEGER,
    ADD COLUMN last_used_at timestamptz,
    ADD CONSTRAINT ck_api_key_scopes CHECK (scopes <@ ARRAY['submit', 'read', 'control', 'admin'] AND cardinality(scopes) > 0);
CREATE INDEX ix_batch_owner_id ON batch (owner, id);
CREATE INDEX ix_job_open ON job (batch_id) WHERE state IN ('queued', 'running');
DROP TABLE idempotency_key;
CREATE TABLE idempotency_key (
    owner TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer BYTEA NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (owner, path, key)
);
"""

DOWNGRADE = """
DROP TABLE idempotency_key;
CREATE TABLE idempotency_key (
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    batch_id UUID NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (key),
    CONSTRAINT fk_idempotency_key_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE
);
DROP INDEX ix_job_open;
DROP INDEX ix_batch_owner_id;
ALTER TABLE api_key DROP CONSTRAINT ck_api_key_scopes;
ALTER TABLE api_key
    DROP COLUMN last_used_at,
    DROP COLUMN requests_per_minute,
    DROP COLUMN max_queued_jobs,
    DROP COLUMN scopes,
    DROP COLUMN owner;
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
