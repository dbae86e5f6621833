"""What analysis needs: the device time of each step and job."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

DEVICE_SECONDS = ("drafter_device_s", "base_device_s", "drafter_prefill_s", "base_prefill_s")

UPGRADE = (
    *(
        f"ALTER TABLE {table} ADD COLUMN {name} DOUBLE PRECISION"
        for table in ("step", "job")
        for name in DEVICE_SECONDS
    ),
    "ALTER TABLE step ADD CONSTRAINT ck_step_device_seconds "
    f"CHECK (num_nonnulls({', '.join(DEVICE_SECONDS)}) IN (0, 4))",
    "ALTER TABLE worker ADD COLUMN num_devices INTEGER DEFAULT 1 NOT NULL",
)

DOWNGRADE = (
    "ALTER TABLE worker DROP COLUMN num_devices",
    *(f"ALTER TABLE {table} DROP COLUMN {name}" for table in ("job", "step") for name in DEVICE_SECONDS),
)


def upgrade() -> None:
    drop_views(op.get_bind())
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    drop_views(op.get_bind())
    for statement in DOWNGRADE:
        op.execute(statement)
