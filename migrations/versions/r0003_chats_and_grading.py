"""Problems that are chats, and grades that say what they compared and whether the grader gave up."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

UNGRADED = "gradable AND state = 'succeeded' AND graded_at IS NULL"
KINDS = (
    "'batch_submitted', 'batch_cancelled', 'batch_paused', 'batch_resumed', 'job_claimed', 'job_requeued', "
    "'job_ended', 'worker_started', 'worker_stopped', 'worker_lost', 'write_refused'"
)

UPGRADE = (
    "ALTER TABLE problem ADD COLUMN messages JSONB",
    "ALTER TABLE grade ADD COLUMN gold TEXT, ADD COLUMN given_up BOOLEAN DEFAULT false NOT NULL",
    """
    ALTER TABLE openai_batch
        ADD COLUMN model TEXT,
        ADD COLUMN input_tokens BIGINT,
        ADD COLUMN output_tokens BIGINT,
        ADD COLUMN reasoning_tokens BIGINT
    """,
    """
    UPDATE openai_batch SET model = (
        SELECT string_agg(DISTINCT pair, ', ' ORDER BY pair) FROM batch WHERE openai_batch_id = openai_batch.id
    )
    """,
    """
    ALTER TABLE job
        ADD COLUMN grader TEXT,
        ADD COLUMN num_grading_attempts INTEGER DEFAULT 0 NOT NULL,
        ADD COLUMN grading_until TIMESTAMP WITH TIME ZONE
    """,
    "DROP INDEX ix_job_ungraded",
    f"CREATE INDEX ix_job_ungraded ON job (batch_id, id) WHERE {UNGRADED}",
    "ALTER TABLE event DROP CONSTRAINT ck_event_kind",
    f"ALTER TABLE event ADD CONSTRAINT ck_event_kind CHECK (kind IN ({KINDS}, 'batch_regraded'))",
)

DOWNGRADE = (
    "DELETE FROM event WHERE kind = 'batch_regraded'",
    "ALTER TABLE event DROP CONSTRAINT ck_event_kind",
    f"ALTER TABLE event ADD CONSTRAINT ck_event_kind CHECK (kind IN ({KINDS}))",
    "DROP INDEX ix_job_ungraded",
    f"CREATE INDEX ix_job_ungraded ON job (finished_at) WHERE {UNGRADED}",
    """
    ALTER TABLE openai_batch
        DROP COLUMN model, DROP COLUMN input_tokens, DROP COLUMN output_tokens, DROP COLUMN reasoning_tokens
    """,
    "ALTER TABLE job DROP COLUMN grader, DROP COLUMN num_grading_attempts, DROP COLUMN grading_until",
    "ALTER TABLE grade DROP COLUMN gold, DROP COLUMN given_up",
    "ALTER TABLE problem DROP COLUMN messages",
)


def upgrade() -> None:
    drop_views(op.get_bind())
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    drop_views(op.get_bind())
    for statement in DOWNGRADE:
        op.execute(statement)
