"""Files leave the table, owners, and batches as OpenAI has them (2026-11-24)."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The contents of earlier files stay where they are; only new ones lie in the folder.
UPGRADE = """
ALTER TABLE file
    ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN owner TEXT,
    ADD COLUMN purpose TEXT DEFAULT 'batch' NOT NULL,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN deleted_at timestamptz;
ALTER TABLE file ALTER COLUMN purpose DROP DEFAULT;
ALTER TABLE file ADD CONSTRAINT ck_file_purpose CHECK (purpose IN ('batch', 'batch_output', 'batch_error'));

CREATE TABLE openai_batch (
    id UUID NOT NULL,
    owner TEXT,
    file_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    output_expires_after_s INTEGER,
    max_queued_jobs INTEGER,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    in_progress_at timestamptz,
    failed_at timestamptz,
    errors JSONB DEFAULT '[]'::jsonb NOT NULL,
    cancelling_at timestamptz,
    finalizing_at timestamptz,
    ended_at timestamptz,
    output_file_id UUID,
    error_file_id UUID,
    CONSTRAINT pk_openai_batch PRIMARY KEY (id),
    CONSTRAINT ck_openai_batch_failed_has_no_jobs CHECK (in_progress_at IS NULL OR failed_at IS NULL),
    CONSTRAINT fk_openai_batch_file_id FOREIGN KEY(file_id) REFERENCES file (id),
    CONSTRAINT fk_openai_batch_output_file_id FOREIGN KEY(output_file_id) REFERENCES file (id),
    CONSTRAINT fk_openai_batch_error_file_id FOREIGN KEY(error_file_id) REFERENCES file (id)
);

ALTER TABLE batch
    ADD COLUMN owner TEXT,
    ADD COLUMN openai_batch_id UUID,
    ADD CONSTRAINT fk_batch_openai_batch_id FOREIGN KEY(openai_batch_id) REFERENCES openai_batch (id);
CREATE INDEX ix_batch_openai_batch_id ON batch (openai_batch_id) WHERE openai_batch_id IS NOT NULL;
"""

# What lies in the folder is not read back: such a file is empty afterwards.
DOWNGRADE = """
DROP INDEX ix_batch_openai_batch_id;
ALTER TABLE batch DROP COLUMN openai_batch_id, DROP COLUMN owner;
DROP TABLE openai_batch;
UPDATE file SET content = '' WHERE content IS NULL;
ALTER TABLE file
    DROP COLUMN deleted_at,
    DROP COLUMN expires_at,
    DROP COLUMN purpose,
    DROP COLUMN owner,
    ALTER COLUMN content SET NOT NULL;
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
