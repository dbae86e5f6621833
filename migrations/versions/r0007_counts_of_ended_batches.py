"""How the lines of OpenAI's batches ended, counted once (2026-11-24)."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Batches whose files hold every result are counted here; the others when theirs do.
UPGRADE = """
ALTER TABLE openai_batch
    ADD COLUMN num_completed INTEGER,
    ADD COLUMN num_failed INTEGER,
    ADD COLUMN num_expired INTEGER;
WITH line AS (
    SELECT batch.openai_batch_id AS id,
           bool_or(job.state = 'succeeded') AS succeeded,
           bool_or(job.state = 'expired') AS expired,
           bool_and(job.finished_at IS NOT NULL) AS ended,
           max(job.finished_at) AS finished_at
    FROM batch JOIN job ON job.batch_id = batch.id
    WHERE batch.openai_batch_id IS NOT NULL
    GROUP BY batch.openai_batch_id, job.problem_id
), written AS (
    SELECT openai_batch.id,
           count(*) FILTER (WHERE line.succeeded) AS num_completed,
           count(*) FILTER (WHERE NOT line.succeeded) AS num_failed,
           count(*) FILTER (WHERE line.expired) AS num_expired
    FROM openai_batch LEFT JOIN line USING (id)
    WHERE openai_batch.ended_at IS NOT NULL
    GROUP BY openai_batch.id
    HAVING coalesce(bool_and(line.ended), true)
       AND max(line.finished_at) IS NOT DISTINCT FROM openai_batch.finalizing_at
)
UPDATE openai_batch
SET num_completed = written.num_completed, num_failed = written.num_failed, num_expired = written.num_expired
FROM written WHERE written.id = openai_batch.id;
"""

DOWNGRADE = """
ALTER TABLE openai_batch
    DROP COLUMN num_expired,
    DROP COLUMN num_failed,
    DROP COLUMN num_completed;
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
