-- What a batch and a right answer cost in time of the devices. A job without a gold answer costs, but can never be right.
CREATE VIEW cost_by_batch AS
SELECT
    sums.*,
    sums.device_s / nullif(sums.num_jobs, 0) AS device_s_per_job,
    sums.device_s / CASE WHEN sums.num_ungraded = 0 THEN nullif(sums.num_right, 0) END AS device_s_per_right_answer,
    sums.gpu_hours / CASE WHEN sums.num_ungraded = 0 THEN nullif(sums.num_right, 0) END AS gpu_hours_per_right_answer
FROM (
    SELECT
        batch.id AS batch_id,
        batch.name AS batch_name,
        batch.config ->> 'scheme' AS scheme,
        batch.pair,
        count(*) AS num_jobs,
        count(*) FILTER (WHERE job.is_correct) AS num_right,
        count(*) FILTER (WHERE job.state = 'succeeded' AND job.graded_at IS NULL) AS num_ungraded,
        sum(job.drafter_device_s + job.base_device_s) AS device_s,
        sum(job.drafter_device_s) AS drafter_device_s,
        sum(job.base_device_s) AS base_device_s,
        sum(job.drafter_prefill_s + job.base_prefill_s) AS prefill_s,
        sum(job.drafter_device_s + job.base_device_s - job.drafter_prefill_s - job.base_prefill_s) AS decode_s,
        sum((job.drafter_device_s + job.base_device_s) * worker.num_devices) / 3600 AS gpu_hours
    FROM job_with_grade AS job
    JOIN batch ON batch.id = job.batch_id
    JOIN worker ON worker.id = job.worker_id
    WHERE job.drafter_device_s IS NOT NULL
    GROUP BY batch.id
) AS sums;

COMMENT ON VIEW cost_by_batch IS 'One row per batch with device time: what its ended jobs cost. Device time: seconds in which the pair worked, each shared equally among the calls in flight.';
COMMENT ON COLUMN cost_by_batch.batch_id IS 'the batch';
COMMENT ON COLUMN cost_by_batch.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN cost_by_batch.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN cost_by_batch.pair IS 'model pair';
COMMENT ON COLUMN cost_by_batch.num_jobs IS 'ended jobs whose device time was measured: the n of device_s_per_job';
COMMENT ON COLUMN cost_by_batch.num_right IS 'of these, jobs whose newest grade is correct';
COMMENT ON COLUMN cost_by_batch.num_ungraded IS 'of num_jobs, succeeded ones whose grade is still to come, or that have no gold answer';
COMMENT ON COLUMN cost_by_batch.device_s IS 'seconds of device time of both models';
COMMENT ON COLUMN cost_by_batch.drafter_device_s IS 'of these, the drafter''s';
COMMENT ON COLUMN cost_by_batch.base_device_s IS 'of these, the base''s';
COMMENT ON COLUMN cost_by_batch.prefill_s IS 'of device_s, the time before the first token of each call';
COMMENT ON COLUMN cost_by_batch.decode_s IS 'the rest of device_s';
COMMENT ON COLUMN cost_by_batch.gpu_hours IS 'device_s times the devices of the pair, in hours; a pair on a CPU counts as one device';
COMMENT ON COLUMN cost_by_batch.device_s_per_job IS 'device_s / num_jobs';
COMMENT ON COLUMN cost_by_batch.device_s_per_right_answer IS 'device_s of all jobs / num_right; NULL while nothing is right or num_ungraded is not 0';
COMMENT ON COLUMN cost_by_batch.gpu_hours_per_right_answer IS 'gpu_hours of all jobs / num_right; NULL while nothing is right or num_ungraded is not 0';
