"""Turns, pause, deadlines, jobs that run alone, and the view of workers (2026-11-24)."""
# ruff: noqa: E501 -- one line a constraint

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE batch ADD COLUMN paused_at timestamptz;

ALTER TABLE job
    ADD COLUMN turn BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN paused BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN alone BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN deadline_at timestamptz,
    ADD COLUMN num_errors INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE job DROP CONSTRAINT ck_job_stop_reason;
ALTER TABLE job ADD CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'cancelled', 'deadline'));
DROP INDEX ix_job_queue;
CREATE INDEX ix_job_queue ON job (pair, priority DESC, turn, id) WHERE state = 'queued' AND NOT paused AND published_at IS NULL;
CREATE INDEX ix_job_announced ON job (pair, published_at, id) WHERE state = 'queued' AND NOT paused AND published_at IS NOT NULL;
CREATE INDEX ix_job_deadline ON job (deadline_at) WHERE state IN ('queued', 'running') AND deadline_at IS NOT NULL;

UPDATE job SET turn = place.turn FROM (
    SELECT id, row_number() OVER (PARTITION BY batch_id ORDER BY id) - 1 AS turn FROM job WHERE state = 'queued'
) AS place WHERE place.id = job.id;
CREATE TABLE turn_clock (
    pair TEXT NOT NULL,
    priority INTEGER NOT NULL,
    turn BIGINT NOT NULL,
    CONSTRAINT pk_turn_clock PRIMARY KEY (pair, priority)
);
CREATE TABLE retry_turn (
    batch_id UUID NOT NULL,
    turn BIGINT NOT NULL,
    CONSTRAINT pk_retry_turn PRIMARY KEY (batch_id),
    CONSTRAINT fk_retry_turn_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE
);

CREATE INDEX ix_attempt_worker_id ON attempt (worker_id);

ALTER TABLE event DROP CONSTRAINT ck_event_kind;
ALTER TABLE event ADD CONSTRAINT ck_event_kind CHECK (kind IN ('batch_submitted', 'batch_cancelled', 'batch_paused', 'batch_resumed', 'job_claimed', 'job_requeued', 'job_ended', 'worker_started', 'worker_stopped', 'worker_lost', 'write_refused'));
"""

# What the old words cannot say is forgotten: a deadline's stop reason, and the new kinds of event.
DOWNGRADE = """
DELETE FROM event WHERE kind IN ('batch_paused', 'batch_resumed', 'worker_lost', 'write_refused');
ALTER TABLE event DROP CONSTRAINT ck_event_kind;
ALTER TABLE event ADD CONSTRAINT ck_event_kind CHECK (kind IN ('batch_submitted', 'batch_cancelled', 'job_claimed', 'job_requeued', 'job_ended', 'worker_started', 'worker_stopped'));
DROP INDEX ix_attempt_worker_id;
DROP TABLE retry_turn;
DROP TABLE turn_clock;
DROP INDEX ix_job_deadline;
DROP INDEX ix_job_announced;
DROP INDEX ix_job_queue;
CREATE INDEX ix_job_queue ON job (pair, priority DESC, id) WHERE state = 'queued';
UPDATE job SET stop_reason = NULL WHERE stop_reason = 'deadline';
ALTER TABLE job DROP CONSTRAINT ck_job_stop_reason;
ALTER TABLE job ADD CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'cancelled'));
ALTER TABLE job
    DROP COLUMN num_errors,
    DROP COLUMN deadline_at,
    DROP COLUMN alone,
    DROP COLUMN paused,
    DROP COLUMN turn;
ALTER TABLE batch DROP COLUMN paused_at;
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
