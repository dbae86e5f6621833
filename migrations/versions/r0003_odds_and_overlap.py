"""What drafting costs and brings, expected scores, drafts begun ahead, and two new decisions (2026-11-24)."""
# ruff: noqa: E501 -- one line a constraint

from __future__ import annotations

from alembic import op

from specreason.store.migrate import drop_views

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE step DROP CONSTRAINT ck_step_decision;
ALTER TABLE step DROP CONSTRAINT ck_step_draft_where_drafted;
ALTER TABLE step DROP CONSTRAINT ck_step_written_unless_draft_kept;
ALTER TABLE step DROP CONSTRAINT ck_step_author_unless_closed;
ALTER TABLE job DROP CONSTRAINT ck_job_stop_reason;
ALTER TABLE step
    ADD COLUMN recent_acceptance DOUBLE PRECISION,
    ADD COLUMN break_even DOUBLE PRECISION,
    ADD COLUMN expected_score DOUBLE PRECISION,
    ADD COLUMN draft_ahead_s DOUBLE PRECISION;
UPDATE batch SET config = '{"overlap": false, "max_same_steps": 0}'::jsonb || config;
UPDATE step SET
    draft_ahead_s = 0,
    expected_score = CASE WHEN utility_score IS NOT NULL THEN (
        SELECT sum((digit.number - 1) * digit.p) / nullif(sum(digit.p), 0)
        FROM unnest(digit_probs) WITH ORDINALITY AS digit (p, number)
    ) END
WHERE draft_tokens IS NOT NULL;
ALTER TABLE step ADD CONSTRAINT ck_step_decision CHECK (decision IN ('accepted', 'rejected', 'rejected_no_digit', 'first_steps_on_base', 'below_break_even', 'base_only', 'drafter_only', 'answer', 'closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step'));
ALTER TABLE step ADD CONSTRAINT ck_step_draft_where_drafted CHECK (num_nonnulls(draft_tokens, draft_finish_reason, draft_ttft_s, draft_prompt_tokens, draft_cached_tokens, draft_latency_s, draft_ahead_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 7 ELSE 0 END);
ALTER TABLE step ADD CONSTRAINT ck_step_written_unless_draft_kept CHECK (num_nonnulls(written_tokens, written_finish_reason, written_ttft_s, written_prompt_tokens, written_cached_tokens, written_latency_s) = CASE WHEN NOT (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step') OR decision = 'accepted') THEN 6 ELSE 0 END);
ALTER TABLE step ADD CONSTRAINT ck_step_author_unless_closed CHECK ((author IS NULL) = (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps', 'closed_repeated_step')));
ALTER TABLE job ADD CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'repeated_step', 'cancelled', 'deadline'));
ALTER TABLE step ADD CONSTRAINT ck_step_odds CHECK ((recent_acceptance IS NULL) = (break_even IS NULL));
ALTER TABLE step ADD CONSTRAINT ck_step_expected_score CHECK (expected_score IS NULL OR utility_score IS NOT NULL);
"""

# What the old words cannot say becomes the word that comes nearest.
DOWNGRADE = """
ALTER TABLE step DROP CONSTRAINT ck_step_odds;
ALTER TABLE step DROP CONSTRAINT ck_step_expected_score;
ALTER TABLE step DROP CONSTRAINT ck_step_decision;
ALTER TABLE step DROP CONSTRAINT ck_step_draft_where_drafted;
ALTER TABLE step DROP CONSTRAINT ck_step_written_unless_draft_kept;
ALTER TABLE step DROP CONSTRAINT ck_step_author_unless_closed;
ALTER TABLE job DROP CONSTRAINT ck_job_stop_reason;
UPDATE step SET decision = 'base_only' WHERE decision = 'below_break_even';
UPDATE step SET decision = 'closed_max_steps' WHERE decision = 'closed_repeated_step';
UPDATE job SET stop_reason = 'max_steps' WHERE stop_reason = 'repeated_step';
ALTER TABLE step
    DROP COLUMN recent_acceptance,
    DROP COLUMN break_even,
    DROP COLUMN expected_score,
    DROP COLUMN draft_ahead_s;
ALTER TABLE step ADD CONSTRAINT ck_step_decision CHECK (decision IN ('accepted', 'rejected', 'rejected_no_digit', 'first_steps_on_base', 'base_only', 'drafter_only', 'answer', 'closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps'));
ALTER TABLE step ADD CONSTRAINT ck_step_draft_where_drafted CHECK (num_nonnulls(draft_tokens, draft_finish_reason, draft_ttft_s, draft_prompt_tokens, draft_cached_tokens, draft_latency_s) = CASE WHEN decision IN ('accepted', 'rejected', 'rejected_no_digit') THEN 6 ELSE 0 END);
ALTER TABLE step ADD CONSTRAINT ck_step_written_unless_draft_kept CHECK (num_nonnulls(written_tokens, written_finish_reason, written_ttft_s, written_prompt_tokens, written_cached_tokens, written_latency_s) = CASE WHEN NOT (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps') OR decision = 'accepted') THEN 6 ELSE 0 END);
ALTER TABLE step ADD CONSTRAINT ck_step_author_unless_closed CHECK ((author IS NULL) = (decision IN ('closed_eos', 'closed_token_budget', 'closed_context_full', 'closed_max_steps')));
ALTER TABLE job ADD CONSTRAINT ck_job_stop_reason CHECK (stop_reason IN ('answered', 'token_budget', 'context_full', 'max_steps', 'cancelled', 'deadline'));
"""


def upgrade() -> None:
    drop_views(op.get_bind())
    op.execute(UPGRADE)


def downgrade() -> None:
    drop_views(op.get_bind())
    op.execute(DOWNGRADE)
