-- Whether long drafts are kept less often.
CREATE VIEW acceptance_by_length AS
SELECT
    batch.id AS batch_id,
    batch.name AS batch_name,
    batch.config ->> 'scheme' AS scheme,
    rollup.length AS first_tokens,
    greatest(rollup.length, 2 * rollup.length - 1) AS last_tokens,
    sum(rollup.num_steps)::bigint AS num_drafted,
    coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.decision = 'accepted'), 0)::bigint AS num_accepted,
    (coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.decision = 'accepted'), 0)
        / nullif(sum(rollup.num_steps), 0))::double precision AS step_acceptance,
    sum(rollup.draft_tokens)::bigint AS draft_tokens
FROM step_rollup AS rollup
JOIN batch ON batch.id = rollup.batch_id
WHERE rollup.decision IN ('accepted', 'rejected', 'rejected_no_digit')
GROUP BY batch.id, rollup.length;

COMMENT ON VIEW acceptance_by_length IS 'One row per batch and range of lengths: the drafts of jobs that have ended, and how many were kept.';
COMMENT ON COLUMN acceptance_by_length.batch_id IS 'the batch';
COMMENT ON COLUMN acceptance_by_length.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN acceptance_by_length.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN acceptance_by_length.first_tokens IS 'smallest number of tokens of the range; the ranges are 0, 1, 2–3, 4–7, 8–15, …';
COMMENT ON COLUMN acceptance_by_length.last_tokens IS 'largest number of tokens of the range';
COMMENT ON COLUMN acceptance_by_length.num_drafted IS 'drafts of such a length: the n of step_acceptance';
COMMENT ON COLUMN acceptance_by_length.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN acceptance_by_length.step_acceptance IS 'acceptance rate: accepted / drafted';
COMMENT ON COLUMN acceptance_by_length.draft_tokens IS 'tokens of these drafts';
