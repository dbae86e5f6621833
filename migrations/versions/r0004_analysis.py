"""What analysis needs: device time, what the drafter wrote of each job, sums over the steps of ended jobs."""

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

DEVICE_SECONDS = ("drafter_device_s", "base_device_s", "drafter_prefill_s", "base_prefill_s")

BY_DRAFTER = {"num_thinking": "INTEGER", "num_by_drafter": "INTEGER", "drafter_tokens": "BIGINT"}

EDGES = f"ARRAY[0, {', '.join(str(2**power) for power in range(24))}]"
LENGTH = "coalesce(step.draft_tokens, step.written_tokens, step.inserted_tokens)"
STEP_ROLLUP = (
    """
    CREATE TABLE step_rollup (
        batch_id UUID NOT NULL,
        part SMALLINT NOT NULL,
        phase TEXT NOT NULL,
        decision TEXT NOT NULL,
        author TEXT,
        utility_score SMALLINT,
        position INTEGER NOT NULL,
        length INTEGER NOT NULL,
        num_steps BIGINT NOT NULL,
        kept_tokens BIGINT NOT NULL,
        spent_tokens BIGINT NOT NULL,
        draft_tokens BIGINT NOT NULL,
        written_tokens BIGINT NOT NULL,
        inserted_tokens BIGINT NOT NULL,
        draft_s NUMERIC(18, 6) NOT NULL,
        verify_s NUMERIC(18, 6) NOT NULL,
        written_s NUMERIC(18, 6) NOT NULL,
        CONSTRAINT uq_step_rollup_key UNIQUE NULLS NOT DISTINCT (
            batch_id, part, phase, decision, author, utility_score, position, length
        ),
        CONSTRAINT fk_step_rollup_batch_id FOREIGN KEY (batch_id) REFERENCES batch (id) ON DELETE CASCADE
    ) WITH (fillfactor = 70)
    """,
    f"""
    INSERT INTO step_rollup
    SELECT
        job.batch_id, get_byte(uuid_send(job.id), 15) % 8, step.phase, step.decision, step.author, step.utility_score,
        ({EDGES})[width_bucket(step.index, {EDGES})], ({EDGES})[width_bucket({LENGTH}, {EDGES})],
        count(*), sum(step.kept_tokens), sum(step.spent_tokens), coalesce(sum(step.draft_tokens), 0),
        coalesce(sum(step.written_tokens), 0), sum(step.inserted_tokens),
        coalesce(sum(round((step.draft_latency_s - step.draft_ahead_s)::numeric, 6)), 0),
        coalesce(sum(round(step.verify_latency_s::numeric, 6)), 0),
        coalesce(sum(round(step.written_latency_s::numeric, 6)), 0)
    FROM job JOIN step ON step.job_id = job.id
    WHERE job.finished_at IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    """,  # noqa: S608 -- no input
)

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
    "CREATE INDEX ix_job_left_out ON job (id) WHERE finished_at IS NOT NULL AND num_thinking IS NULL",
    *STEP_ROLLUP,
)

DOWNGRADE = (
    "DROP TABLE step_rollup",
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
