-- What became of the tokens that the models generated, and which model wrote what was kept.
CREATE VIEW token_use AS
SELECT
    sums.*,
    sums.wasted_tokens - sums.rejected_draft_tokens - sums.verdict_tokens AS end_tokens,
    sums.drafter_kept_tokens / nullif(sums.drafter_kept_tokens + sums.base_kept_tokens, 0)::double precision
        AS drafter_token_share,
    sums.num_drafter_steps / nullif(sums.num_drafter_steps + sums.num_base_steps, 0)::double precision
        AS drafter_step_share,
    sums.wasted_tokens / nullif(sums.spent_tokens, 0)::double precision AS wasted_share
FROM (
    SELECT
        batch.id AS batch_id,
        batch.name AS batch_name,
        batch.config ->> 'scheme' AS scheme,
        coalesce(sum(rollup.kept_tokens), 0)::bigint AS kept_tokens,
        coalesce(sum(rollup.spent_tokens), 0)::bigint AS spent_tokens,
        coalesce(sum(rollup.spent_tokens - rollup.kept_tokens), 0)::bigint AS wasted_tokens,
        coalesce(sum(rollup.inserted_tokens), 0)::bigint AS inserted_tokens,
        coalesce(sum(rollup.kept_tokens) FILTER (WHERE rollup.author = 'drafter'), 0)::bigint AS drafter_kept_tokens,
        coalesce(sum(rollup.kept_tokens) FILTER (WHERE rollup.author = 'base'), 0)::bigint AS base_kept_tokens,
        coalesce(sum(rollup.kept_tokens) FILTER (WHERE rollup.phase = 'answer'), 0)::bigint AS answer_tokens,
        coalesce(sum(rollup.draft_tokens) FILTER (WHERE rollup.decision <> 'accepted'), 0)::bigint
            AS rejected_draft_tokens,
        coalesce(sum(rollup.num_steps) FILTER (
            WHERE rollup.decision IN ('accepted', 'rejected', 'rejected_no_digit')
        ), 0)::bigint AS verdict_tokens,
        coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.author = 'drafter'), 0)::bigint AS num_drafter_steps,
        coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.author = 'base'), 0)::bigint AS num_base_steps
    FROM batch
    LEFT JOIN step_rollup AS rollup ON rollup.batch_id = batch.id
    GROUP BY batch.id
) AS sums;

COMMENT ON VIEW token_use IS 'One row per batch: the tokens of jobs that have ended, kept and wasted, and which model wrote what was kept.';
COMMENT ON COLUMN token_use.batch_id IS 'the batch';
COMMENT ON COLUMN token_use.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN token_use.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN token_use.kept_tokens IS 'generated and kept, in thinking and answer';
COMMENT ON COLUMN token_use.spent_tokens IS 'every token generated';
COMMENT ON COLUMN token_use.wasted_tokens IS 'spent - kept: rejected drafts, verdicts, end-of-sequence tokens';
COMMENT ON COLUMN token_use.inserted_tokens IS 'tokens that the loop itself put in to close the thinking; neither kept nor spent';
COMMENT ON COLUMN token_use.drafter_kept_tokens IS 'of kept_tokens, those that the drafter wrote';
COMMENT ON COLUMN token_use.base_kept_tokens IS 'of kept_tokens, those that the base wrote';
COMMENT ON COLUMN token_use.answer_tokens IS 'of kept_tokens, those of answers';
COMMENT ON COLUMN token_use.rejected_draft_tokens IS 'of wasted_tokens, those of rejected drafts';
COMMENT ON COLUMN token_use.verdict_tokens IS 'of wasted_tokens, one for each verdict';
COMMENT ON COLUMN token_use.num_drafter_steps IS 'steps whose kept text the drafter wrote';
COMMENT ON COLUMN token_use.num_base_steps IS 'steps whose kept text the base wrote, answers included';
COMMENT ON COLUMN token_use.end_tokens IS 'the rest of wasted_tokens: end-of-sequence tokens';
COMMENT ON COLUMN token_use.drafter_token_share IS 'drafter_kept_tokens / kept_tokens; NULL while there are none';
COMMENT ON COLUMN token_use.drafter_step_share IS 'steps by the drafter / steps by either model; NULL while there are none';
COMMENT ON COLUMN token_use.wasted_share IS 'wasted / spent; NULL while nothing is spent';
