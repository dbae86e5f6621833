-- What another threshold would have kept of the same drafts.
CREATE VIEW acceptance_by_threshold AS
SELECT
    batch.id AS batch_id,
    batch.name AS batch_name,
    batch.config ->> 'scheme' AS scheme,
    (batch.config ->> 'threshold')::double precision AS batch_threshold,
    batch.config ->> 'score_method' AS score_method,
    thresholds.threshold,
    sum(rollup.num_steps)::bigint AS num_drafted,
    coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.utility_score >= thresholds.threshold), 0)::bigint
        AS num_accepted,
    (coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.utility_score >= thresholds.threshold), 0)
        / nullif(sum(rollup.num_steps), 0))::double precision AS step_acceptance,
    (coalesce(sum(rollup.draft_tokens) FILTER (WHERE rollup.utility_score >= thresholds.threshold), 0)
        / nullif(sum(rollup.draft_tokens), 0))::double precision AS token_acceptance
FROM step_rollup AS rollup
JOIN batch ON batch.id = rollup.batch_id
CROSS JOIN generate_series(0, 9) AS thresholds (threshold)
WHERE rollup.decision IN ('accepted', 'rejected', 'rejected_no_digit')
GROUP BY batch.id, thresholds.threshold;

COMMENT ON VIEW acceptance_by_threshold IS 'One row per batch and threshold from 0 to 9: the share of the drafts of ended jobs whose digit reaches it. It holds for these drafts; after another decision the next drafts would differ.';
COMMENT ON COLUMN acceptance_by_threshold.batch_id IS 'the batch';
COMMENT ON COLUMN acceptance_by_threshold.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN acceptance_by_threshold.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN acceptance_by_threshold.batch_threshold IS 'acceptance threshold that the batch had; NULL where nothing is scored, or if no version filled it in';
COMMENT ON COLUMN acceptance_by_threshold.score_method IS 'greedy: the batch applied its threshold to the digit, as this view does; expected: to the mean of the ten digits';
COMMENT ON COLUMN acceptance_by_threshold.threshold IS 'smallest digit that keeps a draft here';
COMMENT ON COLUMN acceptance_by_threshold.num_drafted IS 'drafts that were scored: the n of step_acceptance';
COMMENT ON COLUMN acceptance_by_threshold.num_accepted IS 'of these, the ones that such a threshold keeps; drafts without a digit are never kept';
COMMENT ON COLUMN acceptance_by_threshold.step_acceptance IS 'acceptance rate: accepted / drafted';
COMMENT ON COLUMN acceptance_by_threshold.token_acceptance IS 'the same, each draft weighted by its tokens';
