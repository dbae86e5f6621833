"""The first release: every table. The SQL beside this file is fixed, so that changes of the code cannot change it."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "api_key",
    "event",
    "file",
    "idempotency_key",
    "model_pair",
    "turn_clock",
    "openai_batch",
    "worker",
    "batch",
    "problem",
    "retry_turn",
    "job",
    "attempt",
    "grade",
    "step",
    "step_payload",
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    drop_views(op.get_bind())
    for table in reversed(TABLES):
        op.drop_table(table)
