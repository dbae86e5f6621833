-- On which calls the step loops waited.
CREATE VIEW latency_breakdown AS
SELECT
    batch.id AS batch_id,
    batch.name AS batch_name,
    batch.config ->> 'scheme' AS scheme,
    rollup.phase,
    rollup.decision,
    sum(rollup.num_steps)::bigint AS num_steps,
    sum(rollup.draft_s)::double precision AS draft_s,
    sum(rollup.verify_s)::double precision AS verify_s,
    sum(rollup.written_s)::double precision AS written_s,
    sum(rollup.draft_s + rollup.verify_s + rollup.written_s)::double precision AS engine_s,
    (sum(rollup.draft_s + rollup.verify_s + rollup.written_s)
        / nullif(sum(sum(rollup.draft_s + rollup.verify_s + rollup.written_s)) OVER of_batch, 0)
    )::double precision AS share
FROM step_rollup AS rollup
JOIN batch ON batch.id = rollup.batch_id
GROUP BY batch.id, rollup.phase, rollup.decision
WINDOW of_batch AS (PARTITION BY batch.id);

COMMENT ON VIEW latency_breakdown IS 'One row per batch, phase and decision: the wall seconds for which the step loops of jobs that have ended waited for engines. batch_summary has the rest of a job''s latency: storing, and the loop itself.';
COMMENT ON COLUMN latency_breakdown.batch_id IS 'the batch';
COMMENT ON COLUMN latency_breakdown.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN latency_breakdown.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN latency_breakdown.phase IS 'think until the thinking is closed, then answer';
COMMENT ON COLUMN latency_breakdown.decision IS 'why the kept text of these steps was kept';
COMMENT ON COLUMN latency_breakdown.num_steps IS 'steps of jobs that have ended';
COMMENT ON COLUMN latency_breakdown.draft_s IS 'seconds that the loops waited for drafts; with overlap, not the part beside a verification';
COMMENT ON COLUMN latency_breakdown.verify_s IS 'seconds of verifications';
COMMENT ON COLUMN latency_breakdown.written_s IS 'seconds of text written without a draft or in place of one';
COMMENT ON COLUMN latency_breakdown.engine_s IS 'draft_s + verify_s + written_s; sums to engine_s of batch_summary';
COMMENT ON COLUMN latency_breakdown.share IS 'engine_s of these steps / engine_s of the batch';
