"""Create the tables (2026-11-22).

The DDL is SQL as the schema gave it on that day, so that later changes of the code cannot change it.
"""
# ruff: noqa: E501 -- one line a column or constraint

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "api_key",
    "event",
    "file",
    "model_pair",
    "batch",
    "worker",
    "idempotency_key",
    "problem",
    "job",
    "attempt",
    "grade",
    "step",
    "step_payload",
)

CREATE = """
CREATE TABLE api_key (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT uq_api_key_key_hash UNIQUE (key_hash)
);

CREATE TABLE event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    batch_id UUID,
    job_id UUID,
    worker_id UUID,
    kind TEXT NOT NULL,
    state TEXT,
    outcome TEXT,
    detail JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (id),
    CONSTRAINT ck_event_kind CHECK (kind IN ('batch_submitted', 'batch_cancelled', 'job_claimed', 'job_requeued', 'job_ended', 'worker_started', 'worker_stopped')),
    CONSTRAINT ck_event_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'dead')),
    CONSTRAINT ck_event_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'expired', 'error', 'released', 'lost'))
);
CREATE INDEX ix_event_batch_id_id ON event (batch_id, id);
CREATE INDEX ix_event_job_id_id ON event (job_id, id);

CREATE TABLE file (
    id UUID NOT NULL,
    filename TEXT NOT NULL,
    num_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    content BYTEA NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_file PRIMARY KEY (id)
);

CREATE TABLE model_pair (
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    config JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_model_pair PRIMARY KEY (fingerprint)
);

CREATE TABLE batch (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    pair TEXT NOT NULL,
    config JSONB NOT NULL,
    config_hash TEXT NOT NULL,
    num_problems INTEGER NOT NULL,
    num_jobs INTEGER NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    file_id UUID,
    created_at timestamptz DEFAULT now() NOT NULL,
    cancelled_at timestamptz,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT fk_batch_file_id FOREIGN KEY(file_id) REFERENCES file (id)
);

CREATE TABLE worker (
    id UUID NOT NULL,
    pair TEXT NOT NULL,
    pair_fingerprint TEXT NOT NULL,
    gpu TEXT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    started_at timestamptz DEFAULT now() NOT NULL,
    heartbeat_at timestamptz DEFAULT now() NOT NULL,
    lease_expires_at timestamptz NOT NULL,
    stopped_at timestamptz,
    CONSTRAINT pk_worker PRIMARY KEY (id),
    CONSTRAINT fk_worker_pair_fingerprint FOREIGN KEY(pair_fingerprint) REFERENCES model_pair (fingerprint)
);

CREATE TABLE idempotency_key (
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    batch_id UUID NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (key),
    CONSTRAINT fk_idempotency_key_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE
);

CREATE TABLE problem (
    id UUID NOT NULL,
    batch_id UUID NOT NULL,
    index INTEGER NOT NULL,
    problem_id TEXT,
    text TEXT NOT NULL,
    answer TEXT,
    source JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_problem PRIMARY KEY (id),
    CONSTRAINT uq_problem_batch_id_index UNIQUE (batch_id, index),
    CONSTRAINT fk_problem_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE
);

CREATE TABLE job (
    id UUID NOT NULL,
    batch_id UUID NOT NULL,
    problem_id UUID NOT NULL,
    repeat INTEGER NOT NULL,
    seed BIGINT NOT NULL,
    pair TEXT NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    run_after timestamptz DEFAULT now() NOT NULL,
    fence BIGINT DEFAULT 0 NOT NULL,
    num_attempts INTEGER DEFAULT 0 NOT NULL,
    num_lost INTEGER DEFAULT 0 NOT NULL,
    worker_id UUID,
    pair_fingerprint TEXT,
    published_at timestamptz,
    concurrency INTEGER,
    resumed BOOLEAN DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    stop_reason TEXT,
    error TEXT,
    answer TEXT,
    num_steps INTEGER,
    num_drafted INTEGER,
    num_accepted INTEGER,
    think_tokens BIGINT,
    answer_tokens BIGINT,
    spent_tokens BIGINT,
    engine_s DOUBLE PRECISION,
    latency_s DOUBLE PRECISION,
    graded_at timestamptz,
    gradable BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT uq_job_batch_id_problem_id_repeat UNIQUE (batch_id, problem_id, repeat),
    CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'dead')),
    CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'cancelled')),
    CONSTRAINT ck_job_ended_has_finished_at CHECK ((state IN ('succeeded', 'failed', 'cancelled', 'expired', 'dead')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_job_running_has_worker CHECK (state <> 'running' OR worker_id IS NOT NULL),
    CONSTRAINT fk_job_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE,
    CONSTRAINT fk_job_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id) ON DELETE CASCADE,
    CONSTRAINT fk_job_worker_id FOREIGN KEY(worker_id) REFERENCES worker (id),
    CONSTRAINT fk_job_pair_fingerprint FOREIGN KEY(pair_fingerprint) REFERENCES model_pair (fingerprint)
);
CREATE INDEX ix_job_batch_id_id ON job (batch_id, id);
CREATE INDEX ix_job_problem_id ON job (problem_id);
CREATE INDEX ix_job_queue ON job (pair, priority DESC, id) WHERE state = 'queued';
CREATE INDEX ix_job_running ON job (worker_id) WHERE state = 'running';
CREATE INDEX ix_job_ungraded ON job (finished_at) WHERE gradable AND state = 'succeeded' AND graded_at IS NULL;

CREATE TABLE attempt (
    job_id UUID NOT NULL,
    number INTEGER NOT NULL,
    fence BIGINT NOT NULL,
    worker_id UUID NOT NULL,
    first_step INTEGER NOT NULL,
    started_at timestamptz DEFAULT now() NOT NULL,
    ended_at timestamptz,
    outcome TEXT,
    error TEXT,
    CONSTRAINT pk_attempt PRIMARY KEY (job_id, number),
    CONSTRAINT ck_attempt_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'expired', 'error', 'released', 'lost')),
    CONSTRAINT ck_attempt_ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT fk_attempt_job_id FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE,
    CONSTRAINT fk_attempt_worker_id FOREIGN KEY(worker_id) REFERENCES worker (id)
);

CREATE TABLE grade (
    id UUID NOT NULL,
    job_id UUID NOT NULL,
    grader TEXT NOT NULL,
    answer TEXT,
    is_correct BOOLEAN NOT NULL,
    detail TEXT,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_grade PRIMARY KEY (id),
    CONSTRAINT fk_grade_job_id FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE
);
CREATE INDEX ix_grade_job_id_id ON grade (job_id, id);

CREATE TABLE step (
    job_id UUID NOT NULL,
    index INTEGER NOT NULL,
    fence BIGINT NOT NULL,
    phase TEXT NOT NULL,
    decision TEXT NOT NULL,
    author TEXT,
    threshold DOUBLE PRECISION,
    utility_score SMALLINT,
    digit_probs DOUBLE PRECISION[],
    non_digit_mass DOUBLE PRECISION,
    kept_tokens INTEGER NOT NULL,
    spent_tokens INTEGER NOT NULL,
    finish_reason TEXT,
    draft_tokens INTEGER,
    draft_finish_reason TEXT,
    draft_prompt_tokens INTEGER,
    draft_cached_tokens INTEGER,
    draft_ttft_s DOUBLE PRECISION,
    draft_latency_s DOUBLE PRECISION,
    verify_token_id INTEGER,
    verify_prompt_tokens INTEGER,
    verify_cached_tokens INTEGER,
    verify_latency_s DOUBLE PRECISION,
    written_tokens INTEGER,
    written_finish_reason TEXT,
    written_prompt_tokens INTEGER,
    written_cached_tokens INTEGER,
    written_ttft_s DOUBLE PRECISION,
    written_latency_s DOUBLE PRECISION,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_step PRIMARY KEY (job_id, index),
    CONSTRAINT ck_step_phase CHECK (phase IN ('think', 'answer')),
    CONSTRAINT ck_step_decision CHECK (decision IN ('accepted', 'rejected', 'rejected_no_digit', 'first_steps_on_base', 'base_only', 'drafter_only', 'answer', 'closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps')),
    CONSTRAINT ck_step_author CHECK (author IN ('drafter', 'base')),
    CONSTRAINT ck_step_finish_reason CHECK (finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_draft_finish_reason CHECK (draft_finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_written_finish_reason CHECK (written_finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_verdict_where_drafted CHECK (num_nonnulls(digit_probs, verify_token_id, verify_prompt_tokens, verify_cached_tokens, verify_latency_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 5 ELSE 0 END),
    CONSTRAINT ck_step_draft_where_drafted CHECK (num_nonnulls(draft_tokens, draft_finish_reason, draft_ttft_s, draft_prompt_tokens, draft_cached_tokens, draft_latency_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 6 ELSE 0 END),
    CONSTRAINT ck_step_written_unless_draft_kept CHECK (num_nonnulls(written_tokens, written_finish_reason, written_ttft_s, written_prompt_tokens, written_cached_tokens, written_latency_s) = CASE WHEN NOT (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps') OR decision = 'accepted') THEN 6 ELSE 0 END),
    CONSTRAINT ck_step_author_unless_closed CHECK ((author IS NULL) = (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps'))),
    CONSTRAINT ck_step_accepted_keeps_draft CHECK (decision <> 'accepted' OR author = 'drafter'),
    CONSTRAINT ck_step_rejected_keeps_base CHECK (decision NOT IN ('rejected', 'rejected_no_digit') OR author = 'base'),
    CONSTRAINT ck_step_utility_score CHECK (utility_score BETWEEN 0 AND 9),
    CONSTRAINT ck_step_utility_score_where_digit CHECK ((utility_score IS NOT NULL) = (decision IN ('accepted', 'rejected'))),
    CONSTRAINT ck_step_digit_probs CHECK (array_length(digit_probs, 1) = 10),
    CONSTRAINT ck_step_spent_tokens CHECK (spent_tokens = coalesce(draft_tokens, 0) + coalesce(written_tokens, 0) + num_nonnulls(verify_token_id)),
    CONSTRAINT ck_step_not_negative CHECK (index >= 0 AND kept_tokens >= 0),
    CONSTRAINT fk_step_job_id FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE
);

CREATE TABLE step_payload (
    job_id UUID NOT NULL,
    index INTEGER NOT NULL,
    kept_text TEXT NOT NULL,
    kept_ids INTEGER[] NOT NULL,
    draft_text TEXT,
    draft_ids INTEGER[],
    written_text TEXT,
    written_ids INTEGER[],
    CONSTRAINT pk_step_payload PRIMARY KEY (job_id, index),
    CONSTRAINT fk_step_payload_job_id_index FOREIGN KEY(job_id, index) REFERENCES step (job_id, index) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    op.execute(CREATE)


def downgrade() -> None:
    drop_views(op.get_bind())
    for table in reversed(TABLES):
        op.drop_table(table)
