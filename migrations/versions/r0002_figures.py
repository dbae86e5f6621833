"""Figures that add up: tokens that the loop put in, and the parts of a job's latency.

Until here the closing of the thinking that the loop itself put in counted as kept, although no model had generated it.
"""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None

CLOSED = (
    "decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', "
    "'closed_repeated_step')"
)

UPGRADE = (
    "ALTER TABLE step ADD COLUMN inserted_tokens INTEGER DEFAULT 0 NOT NULL",
    f"UPDATE step SET inserted_tokens = kept_tokens, kept_tokens = 0 WHERE {CLOSED}",  # noqa: S608 -- no input
    f"ALTER TABLE step ADD CONSTRAINT ck_step_inserted_where_closed CHECK ((inserted_tokens > 0) = ({CLOSED}))",
    "ALTER TABLE step ADD CONSTRAINT ck_step_kept_is_spent CHECK (kept_tokens <= spent_tokens)",
    """
    ALTER TABLE job
        ADD COLUMN inserted_tokens BIGINT,
        ADD COLUMN store_s DOUBLE PRECISION,
        ADD COLUMN admission_s DOUBLE PRECISION,
        ADD COLUMN mean_concurrency DOUBLE PRECISION
    """,
    "UPDATE job SET inserted_tokens = 0 WHERE num_steps IS NOT NULL",
    """
    UPDATE job SET inserted_tokens = closing.tokens, think_tokens = think_tokens - closing.tokens
    FROM (SELECT job_id, sum(inserted_tokens) AS tokens FROM step WHERE inserted_tokens > 0 GROUP BY job_id) AS closing
    WHERE closing.job_id = job.id AND job.num_steps IS NOT NULL
    """,
)

DOWNGRADE = (
    "UPDATE job SET think_tokens = think_tokens + inserted_tokens WHERE inserted_tokens > 0",
    """
    ALTER TABLE job
        DROP COLUMN inserted_tokens,
        DROP COLUMN store_s,
        DROP COLUMN admission_s,
        DROP COLUMN mean_concurrency
    """,
    "ALTER TABLE step DROP CONSTRAINT ck_step_kept_is_spent, DROP CONSTRAINT ck_step_inserted_where_closed",
    "UPDATE step SET kept_tokens = inserted_tokens WHERE inserted_tokens > 0",
    "ALTER TABLE step DROP COLUMN inserted_tokens",
)


def upgrade() -> None:
    drop_views(op.get_bind())
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    drop_views(op.get_bind())
    for statement in DOWNGRADE:
        op.execute(statement)
