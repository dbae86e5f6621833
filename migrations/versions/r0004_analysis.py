"""What analysis needs: the device time of each step and job, and what the drafter wrote of each job."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

DEVICE_SECONDS = ("drafter_device_s", "base_device_s", "drafter_prefill_s", "base_prefill_s")

BY_DRAFTER = {"num_thinking": "INTEGER", "num_by_drafter": "INTEGER", "drafter_tokens": "BIGINT"}

UPGRADE = (
    *(f"ALTER TABLE job ADD COLUMN {name} {kind}" for name, kind in BY_DRAFTER.items()),
    *(
        f"ALTER TABLE {table} ADD COLUMN {name} DOUBLE PRECISION"
        for table in ("step", "job")
        for name in DEVICE_SECONDS
    ),
    "ALTER TABLE step ADD CONSTRAINT ck_step_device_seconds "
    f"CHECK (num_nonnulls({', '.join(DEVICE_SECONDS)}) IN (0, 4))",
    "ALTER TABLE worker ADD COLUMN num_devices INTEGER DEFAULT 1 NOT NULL",
    """
    UPDATE job
    SET num_thinking = of_job.num_thinking,
        num_by_drafter = of_job.num_by_drafter,
        drafter_tokens = of_job.drafter_tokens
    FROM (
        SELECT ended.id,
            count(*) FILTER (WHERE step.phase = 'think' AND step.author IS NOT NULL) AS num_thinking,
            count(*) FILTER (WHERE step.phase = 'think' AND step.author = 'drafter') AS num_by_drafter,
            coalesce(sum(step.kept_tokens) FILTER (WHERE step.author = 'drafter'), 0) AS drafter_tokens
        FROM job AS ended
        LEFT JOIN step ON step.job_id = ended.id
        WHERE ended.finished_at IS NOT NULL
        GROUP BY ended.id
    ) AS of_job
    WHERE job.id = of_job.id
    """,
)

DOWNGRADE = (
    "ALTER TABLE worker DROP COLUMN num_devices",
    *(f"ALTER TABLE {table} DROP COLUMN {name}" for table in ("job", "step") for name in DEVICE_SECONDS),
    *(f"ALTER TABLE job DROP COLUMN {name}" for name in BY_DRAFTER),
)


def upgrade() -> None:
    drop_views(op.get_bind())
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    drop_views(op.get_bind())
    for statement in DOWNGRADE:
        op.execute(statement)
