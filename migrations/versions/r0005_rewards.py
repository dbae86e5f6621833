"""Scores of process reward models, and an index by which the batches of an evaluation are found."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE step_reward (
        job_id UUID NOT NULL,
        step_index INTEGER NOT NULL,
        prm TEXT NOT NULL,
        revision TEXT NOT NULL,
        score DOUBLE PRECISION NOT NULL,
        draft_score DOUBLE PRECISION,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_step_reward PRIMARY KEY (job_id, step_index, prm, revision),
        CONSTRAINT fk_step_reward_job_id_step_index FOREIGN KEY (job_id, step_index)
            REFERENCES step (job_id, index) ON DELETE CASCADE,
        CONSTRAINT ck_step_reward_score CHECK (score BETWEEN 0 AND 1),
        CONSTRAINT ck_step_reward_draft_score CHECK (draft_score BETWEEN 0 AND 1)
    )
    """,
    """
    CREATE INDEX ix_batch_eval ON batch ((metadata ->> 'eval'), id) WHERE metadata ->> 'eval' IS NOT NULL
    """,
)

DOWNGRADE = ("DROP INDEX ix_batch_eval", "DROP TABLE step_reward")


def upgrade() -> None:
    drop_views(op.get_bind())
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    drop_views(op.get_bind())
    for statement in DOWNGRADE:
        op.execute(statement)
