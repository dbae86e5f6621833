"""What the base had kept alone since the last draft, so that a probe can be told from a draft (2026-11-24)."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Of older steps: by their job's own rows, which is all that is known of them.
UPGRADE = """
ALTER TABLE step DROP CONSTRAINT ck_step_odds;
ALTER TABLE step ADD COLUMN tokens_since_draft INTEGER;
UPDATE step SET tokens_since_draft = (
    SELECT coalesce(sum(earlier.kept_tokens), 0) FROM step AS earlier
    WHERE earlier.job_id = step.job_id AND earlier.index < step.index AND earlier.index > coalesce((
        SELECT max(drafted.index) FROM step AS drafted
        WHERE drafted.job_id = step.job_id AND drafted.index < step.index AND drafted.draft_tokens IS NOT NULL
    ), -1)
)
WHERE break_even IS NOT NULL;
ALTER TABLE step ADD CONSTRAINT ck_step_odds
    CHECK (num_nonnulls(recent_acceptance, break_even, tokens_since_draft) IN (0, 3));
"""

DOWNGRADE = """
ALTER TABLE step DROP CONSTRAINT ck_step_odds;
ALTER TABLE step DROP COLUMN tokens_since_draft;
ALTER TABLE step ADD CONSTRAINT ck_step_odds CHECK ((recent_acceptance IS NULL) = (break_even IS NULL));
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
