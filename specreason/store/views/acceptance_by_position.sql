-- Whether drafts are kept less often late in a trace.
CREATE VIEW acceptance_by_position AS
SELECT
    batch.id AS batch_id,
    batch.name AS batch_name,
    batch.config ->> 'scheme' AS scheme,
    rollup.position AS first_index,
    greatest(rollup.position, 2 * rollup.position - 1) AS last_index,
    sum(rollup.num_steps)::bigint AS num_drafted,
    coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.decision = 'accepted'), 0)::bigint AS num_accepted,
    coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.decision = 'rejected_no_digit'), 0)::bigint AS num_no_digit,
    (coalesce(sum(rollup.num_steps) FILTER (WHERE rollup.decision = 'accepted'), 0)
        / nullif(sum(rollup.num_steps), 0))::double precision AS step_acceptance
FROM step_rollup AS rollup
JOIN batch ON batch.id = rollup.batch_id
WHERE rollup.decision IN ('accepted', 'rejected', 'rejected_no_digit')
GROUP BY batch.id, rollup.position;

COMMENT ON VIEW acceptance_by_position IS 'One row per batch and range of places in the trace: the drafts there of jobs that have ended, and how many were kept.';
COMMENT ON COLUMN acceptance_by_position.batch_id IS 'the batch';
COMMENT ON COLUMN acceptance_by_position.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN acceptance_by_position.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN acceptance_by_position.first_index IS 'smallest step index of the range; the ranges are 0, 1, 2–3, 4–7, 8–15, …';
COMMENT ON COLUMN acceptance_by_position.last_index IS 'largest step index of the range';
COMMENT ON COLUMN acceptance_by_position.num_drafted IS 'drafts at these places: the n of step_acceptance';
COMMENT ON COLUMN acceptance_by_position.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN acceptance_by_position.num_no_digit IS 'of these, the ones on which the base gave no digit; they were rejected';
COMMENT ON COLUMN acceptance_by_position.step_acceptance IS 'acceptance rate: accepted / drafted';
