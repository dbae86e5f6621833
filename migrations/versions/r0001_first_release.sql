-- The tables of the first release. This file never changes: later migrations change what it made.

CREATE TABLE api_key (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    revoked_at timestamptz,
    owner TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    max_queued_jobs INTEGER,
    requests_per_minute INTEGER,
    last_used_at timestamptz,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT ck_api_key_scopes CHECK (scopes <@ ARRAY['submit', 'read', 'control', 'admin'] AND cardinality(scopes) > 0),
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
    CONSTRAINT ck_event_kind CHECK (kind IN ('batch_submitted', 'batch_cancelled', 'batch_paused', 'batch_resumed', 'job_claimed', 'job_requeued', 'job_ended', 'worker_started', 'worker_stopped', 'worker_lost', 'write_refused')),
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
    created_at timestamptz DEFAULT now() NOT NULL,
    owner TEXT,
    purpose TEXT NOT NULL,
    expires_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT pk_file PRIMARY KEY (id),
    CONSTRAINT ck_file_purpose CHECK (purpose IN ('batch', 'batch_output', 'batch_error'))
);

CREATE TABLE idempotency_key (
    owner TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer BYTEA NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (owner, path, key)
);

CREATE TABLE model_pair (
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    config JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_model_pair PRIMARY KEY (fingerprint)
);

CREATE TABLE turn_clock (
    pair TEXT NOT NULL,
    priority INTEGER NOT NULL,
    turn BIGINT NOT NULL,
    CONSTRAINT pk_turn_clock PRIMARY KEY (pair, priority)
);

CREATE TABLE openai_batch (
    id UUID NOT NULL,
    owner TEXT,
    file_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    output_expires_after_s INTEGER,
    max_queued_jobs INTEGER,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    in_progress_at timestamptz,
    failed_at timestamptz,
    errors JSONB DEFAULT '[]'::jsonb NOT NULL,
    cancelling_at timestamptz,
    finalizing_at timestamptz,
    ended_at timestamptz,
    output_file_id UUID,
    error_file_id UUID,
    num_completed INTEGER,
    num_failed INTEGER,
    num_expired INTEGER,
    CONSTRAINT pk_openai_batch PRIMARY KEY (id),
    CONSTRAINT ck_openai_batch_failed_has_no_jobs CHECK (in_progress_at IS NULL OR failed_at IS NULL),
    CONSTRAINT fk_openai_batch_file_id FOREIGN KEY(file_id) REFERENCES file (id),
    CONSTRAINT fk_openai_batch_output_file_id FOREIGN KEY(output_file_id) REFERENCES file (id),
    CONSTRAINT fk_openai_batch_error_file_id FOREIGN KEY(error_file_id) REFERENCES file (id)
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
    paused_at timestamptz,
    owner TEXT,
    openai_batch_id UUID,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT fk_batch_file_id FOREIGN KEY(file_id) REFERENCES file (id),
    CONSTRAINT fk_batch_openai_batch_id FOREIGN KEY(openai_batch_id) REFERENCES openai_batch (id)
);
CREATE INDEX ix_batch_openai_batch_id ON batch (openai_batch_id) WHERE openai_batch_id IS NOT NULL;
CREATE INDEX ix_batch_owner_id ON batch (owner, id);

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

CREATE TABLE retry_turn (
    batch_id UUID NOT NULL,
    turn BIGINT NOT NULL,
    CONSTRAINT pk_retry_turn PRIMARY KEY (batch_id),
    CONSTRAINT fk_retry_turn_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE
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
    turn BIGINT DEFAULT 0 NOT NULL,
    paused BOOLEAN DEFAULT false NOT NULL,
    alone BOOLEAN DEFAULT false NOT NULL,
    deadline_at timestamptz,
    num_errors INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT uq_job_batch_id_problem_id_repeat UNIQUE (batch_id, problem_id, repeat),
    CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'dead')),
    CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'repeated_step', 'cancelled', 'deadline')),
    CONSTRAINT ck_job_ended_has_finished_at CHECK ((state IN ('succeeded', 'failed', 'cancelled', 'expired', 'dead')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_job_running_has_worker CHECK (state <> 'running' OR worker_id IS NOT NULL),
    CONSTRAINT fk_job_batch_id FOREIGN KEY(batch_id) REFERENCES batch (id) ON DELETE CASCADE,
    CONSTRAINT fk_job_problem_id FOREIGN KEY(problem_id) REFERENCES problem (id) ON DELETE CASCADE,
    CONSTRAINT fk_job_worker_id FOREIGN KEY(worker_id) REFERENCES worker (id),
    CONSTRAINT fk_job_pair_fingerprint FOREIGN KEY(pair_fingerprint) REFERENCES model_pair (fingerprint)
);
CREATE INDEX ix_job_announced ON job (pair, published_at, id) WHERE state = 'queued' AND NOT paused AND published_at IS NOT NULL;
CREATE INDEX ix_job_batch_id_id ON job (batch_id, id);
CREATE INDEX ix_job_deadline ON job (deadline_at) WHERE state IN ('queued', 'running') AND deadline_at IS NOT NULL;
CREATE INDEX ix_job_open ON job (batch_id) WHERE state IN ('queued', 'running');
CREATE INDEX ix_job_problem_id ON job (problem_id);
CREATE INDEX ix_job_queue ON job (pair, priority DESC, turn, id) WHERE state = 'queued' AND NOT paused AND published_at IS NULL;
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
CREATE INDEX ix_attempt_worker_id ON attempt (worker_id);

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
    recent_acceptance DOUBLE PRECISION,
    break_even DOUBLE PRECISION,
    expected_score DOUBLE PRECISION,
    draft_ahead_s DOUBLE PRECISION,
    tokens_since_draft INTEGER,
    CONSTRAINT pk_step PRIMARY KEY (job_id, index),
    CONSTRAINT ck_step_phase CHECK (phase IN ('think', 'answer')),
    CONSTRAINT ck_step_decision CHECK (decision IN ('accepted', 'rejected', 'rejected_no_digit', 'first_steps_on_base', 'below_break_even', 'base_only', 'drafter_only', 'answer', 'closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step')),
    CONSTRAINT ck_step_author CHECK (author IN ('drafter', 'base')),
    CONSTRAINT ck_step_finish_reason CHECK (finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_draft_finish_reason CHECK (draft_finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_written_finish_reason CHECK (written_finish_reason IN ('delimiter', 'think_end', 'eos', 'length', 'abort')),
    CONSTRAINT ck_step_verdict_where_drafted CHECK (num_nonnulls(digit_probs, verify_token_id, verify_prompt_tokens, verify_cached_tokens, verify_latency_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 5 ELSE 0 END),
    CONSTRAINT ck_step_draft_where_drafted CHECK (num_nonnulls(draft_tokens, draft_finish_reason, draft_ttft_s, draft_prompt_tokens, draft_cached_tokens, draft_latency_s, draft_ahead_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 7 ELSE 0 END),
    CONSTRAINT ck_step_odds CHECK (num_nonnulls(recent_acceptance, break_even, tokens_since_draft) IN (0, 3)),
    CONSTRAINT ck_step_written_unless_draft_kept CHECK (num_nonnulls(written_tokens, written_finish_reason, written_ttft_s, written_prompt_tokens, written_cached_tokens, written_latency_s) = CASE WHEN NOT (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step') OR decision = 'accepted') THEN 6 ELSE 0 END),
    CONSTRAINT ck_step_author_unless_closed CHECK ((author IS NULL) = (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step'))),
    CONSTRAINT ck_step_accepted_keeps_draft CHECK (decision <> 'accepted' OR author = 'drafter'),
    CONSTRAINT ck_step_rejected_keeps_base CHECK (decision NOT IN ('rejected', 'rejected_no_digit') OR author = 'base'),
    CONSTRAINT ck_step_utility_score CHECK (utility_score BETWEEN 0 AND 9),
    CONSTRAINT ck_step_utility_score_where_digit CHECK ((utility_score IS NOT NULL) = (decision IN ('accepted', 'rejected'))),
    CONSTRAINT ck_step_expected_score CHECK (expected_score IS NULL OR utility_score IS NOT NULL),
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
