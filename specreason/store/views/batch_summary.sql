-- One row per batch. Token and step sums are those of jobs that have ended, as stored when they did.
CREATE VIEW batch_summary AS
SELECT
    batch.id AS batch_id,
    batch.name,
    batch.pair,
    batch.config ->> 'scheme' AS scheme,
    batch.config,
    batch.config_hash,
    batch.metadata,
    batch.priority,
    batch.file_id,
    batch.num_problems,
    batch.num_jobs,
    jobs.num_queued,
    jobs.num_running,
    jobs.num_succeeded,
    jobs.num_failed,
    jobs.num_cancelled,
    jobs.num_expired,
    jobs.num_dead,
    jobs.stop_reasons,
    jobs.num_graded,
    jobs.num_ungraded,
    jobs.num_correct,
    jobs.num_given_up,
    jobs.num_regrading,
    jobs.num_correct::double precision / nullif(jobs.num_graded, 0) AS pass_at_1,
    jobs.num_timed,
    jobs.mean_latency_s,
    jobs.mean_concurrency,
    jobs.mean_engine_s,
    jobs.mean_store_s,
    jobs.mean_own_s,
    jobs.mean_admission_s,
    jobs.num_steps,
    jobs.num_drafted,
    jobs.num_accepted,
    jobs.num_accepted::double precision / nullif(jobs.num_drafted, 0) AS step_acceptance,
    jobs.kept_tokens,
    jobs.spent_tokens,
    jobs.inserted_tokens,
    jobs.engine_s,
    CASE WHEN jobs.num_unmetered = 0 THEN jobs.drafter_device_s + jobs.base_device_s END AS device_s,
    CASE WHEN jobs.num_unmetered = 0 THEN jobs.drafter_device_s END AS drafter_device_s,
    CASE WHEN jobs.num_unmetered = 0 THEN jobs.base_device_s END AS base_device_s,
    CASE WHEN jobs.num_unmetered = 0 THEN jobs.prefill_s END AS prefill_s,
    coalesce(
        jobs.weighted_devices / nullif(jobs.drafter_device_s + jobs.base_device_s, 0), jobs.most_devices
    ) AS num_devices,
    jobs.num_metered,
    batch.created_at,
    batch.paused_at,
    batch.cancelled_at,
    CASE WHEN jobs.num_queued + jobs.num_running = 0 THEN jobs.last_finished_at END AS finished_at
FROM batch
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE job.state = 'queued') AS num_queued,
        count(*) FILTER (WHERE job.state = 'running') AS num_running,
        count(*) FILTER (WHERE job.state = 'succeeded') AS num_succeeded,
        count(*) FILTER (WHERE job.state = 'failed') AS num_failed,
        count(*) FILTER (WHERE job.state = 'cancelled') AS num_cancelled,
        count(*) FILTER (WHERE job.state = 'expired') AS num_expired,
        count(*) FILTER (WHERE job.state = 'dead') AS num_dead,
        jsonb_strip_nulls(jsonb_build_object(
            'answered', nullif(count(*) FILTER (WHERE job.stop_reason = 'answered'), 0),
            'token_budget', nullif(count(*) FILTER (WHERE job.stop_reason = 'token_budget'), 0),
            'context_full', nullif(count(*) FILTER (WHERE job.stop_reason = 'context_full'), 0),
            'max_steps', nullif(count(*) FILTER (WHERE job.stop_reason = 'max_steps'), 0),
            'repeated_step', nullif(count(*) FILTER (WHERE job.stop_reason = 'repeated_step'), 0),
            'cancelled', nullif(count(*) FILTER (WHERE job.stop_reason = 'cancelled'), 0),
            'deadline', nullif(count(*) FILTER (WHERE job.stop_reason = 'deadline'), 0)
        )) AS stop_reasons,
        count(job.is_correct) AS num_graded,
        count(*) FILTER (
            WHERE job.gradable AND job.state = 'succeeded' AND job.graded_at IS NULL
        ) AS num_ungraded,
        count(*) FILTER (WHERE job.is_correct) AS num_correct,
        count(*) FILTER (WHERE job.given_up) AS num_given_up,
        count(*) FILTER (
            WHERE job.gradable AND job.graded_at IS NULL AND job.is_correct IS NOT NULL
        ) AS num_regrading,
        count(job.latency_s) FILTER (WHERE job.state = 'succeeded' AND NOT job.resumed) AS num_timed,
        avg(job.latency_s) FILTER (WHERE job.state = 'succeeded' AND NOT job.resumed) AS mean_latency_s,
        avg(job.mean_concurrency) FILTER (WHERE job.state = 'succeeded' AND NOT job.resumed) AS mean_concurrency,
        avg(job.engine_s) FILTER (
            WHERE job.state = 'succeeded' AND NOT job.resumed AND job.store_s IS NOT NULL
        ) AS mean_engine_s,
        avg(job.store_s) FILTER (WHERE job.state = 'succeeded' AND NOT job.resumed) AS mean_store_s,
        avg(greatest(0, job.latency_s - job.engine_s - job.store_s)) FILTER (
            WHERE job.state = 'succeeded' AND NOT job.resumed AND job.store_s IS NOT NULL
        ) AS mean_own_s,
        avg(job.admission_s) FILTER (WHERE job.state = 'succeeded' AND NOT job.resumed) AS mean_admission_s,
        coalesce(sum(job.num_steps), 0) AS num_steps,
        coalesce(sum(job.num_drafted), 0) AS num_drafted,
        coalesce(sum(job.num_accepted), 0) AS num_accepted,
        coalesce(sum(job.think_tokens + job.answer_tokens), 0)::bigint AS kept_tokens,
        coalesce(sum(job.spent_tokens), 0)::bigint AS spent_tokens,
        coalesce(sum(job.inserted_tokens), 0)::bigint AS inserted_tokens,
        coalesce(sum(job.engine_s), 0) AS engine_s,
        count(*) FILTER (WHERE job.finished_at IS NOT NULL AND job.base_device_s IS NULL) AS num_unmetered,
        count(*) FILTER (WHERE job.drafter_device_s + job.base_device_s > 0) AS num_metered,
        sum(job.drafter_device_s) AS drafter_device_s,
        sum(job.base_device_s) AS base_device_s,
        sum(job.drafter_prefill_s + job.base_prefill_s) AS prefill_s,
        sum((job.drafter_device_s + job.base_device_s) * worker.num_devices) AS weighted_devices,
        max(worker.num_devices) AS most_devices,
        max(job.finished_at) AS last_finished_at
    FROM job_with_grade AS job
    LEFT JOIN worker ON worker.id = job.worker_id
    WHERE job.batch_id = batch.id
) AS jobs;

COMMENT ON VIEW batch_summary IS 'One row per batch: jobs per state, pass@1, latency, acceptance rate, tokens.';
COMMENT ON COLUMN batch_summary.batch_id IS 'uuid7: sorts by the time of submission';
COMMENT ON COLUMN batch_summary.name IS 'the user''s name for it';
COMMENT ON COLUMN batch_summary.pair IS 'requested model pair';
COMMENT ON COLUMN batch_summary.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN batch_summary.config IS 'run configuration, verbatim';
COMMENT ON COLUMN batch_summary.config_hash IS 'equal for two batches with equal configurations';
COMMENT ON COLUMN batch_summary.metadata IS 'what the user attached';
COMMENT ON COLUMN batch_summary.priority IS 'larger goes first';
COMMENT ON COLUMN batch_summary.file_id IS 'the uploaded file; NULL if the problems came inline';
COMMENT ON COLUMN batch_summary.num_problems IS 'problems submitted';
COMMENT ON COLUMN batch_summary.num_jobs IS 'problems × repeats; the seven counts below always sum to it';
COMMENT ON COLUMN batch_summary.num_queued IS 'waiting, for the first time or again';
COMMENT ON COLUMN batch_summary.num_running IS 'claimed by a worker';
COMMENT ON COLUMN batch_summary.num_succeeded IS 'ended by themselves, with or without an answer';
COMMENT ON COLUMN batch_summary.num_failed IS 'ended by an error that no retry can mend';
COMMENT ON COLUMN batch_summary.num_cancelled IS 'cancelled';
COMMENT ON COLUMN batch_summary.num_expired IS 'past their deadline';
COMMENT ON COLUMN batch_summary.num_dead IS 'retries exhausted';
COMMENT ON COLUMN batch_summary.stop_reasons IS 'why its jobs ended: reason → number of jobs; jobs that failed or died have none';
COMMENT ON COLUMN batch_summary.num_graded IS 'jobs with a grade: the n of pass_at_1';
COMMENT ON COLUMN batch_summary.num_ungraded IS 'answers whose grade is still to come, the first or another one';
COMMENT ON COLUMN batch_summary.num_correct IS 'of these, jobs whose newest grade is correct';
COMMENT ON COLUMN batch_summary.num_given_up IS 'of num_graded, jobs whose answer the grader gave up, for time or memory; they count as wrong';
COMMENT ON COLUMN batch_summary.num_regrading IS 'of num_graded, jobs that are to be graded again: their old grade counts until then';
COMMENT ON COLUMN batch_summary.pass_at_1 IS 'mean of the newest grades over all repeats; NULL while there is none';
COMMENT ON COLUMN batch_summary.num_timed IS 'succeeded jobs that were not resumed: the n of mean_latency_s';
COMMENT ON COLUMN batch_summary.mean_latency_s IS 'mean wall seconds from claim to end; resumed jobs are left out';
COMMENT ON COLUMN batch_summary.mean_concurrency IS 'mean number of jobs in flight on the worker while these were timed';
COMMENT ON COLUMN batch_summary.mean_engine_s IS 'of mean_latency_s, seconds that the step loop waited for engines';
COMMENT ON COLUMN batch_summary.mean_store_s IS 'of mean_latency_s, seconds that it waited until steps were stored';
COMMENT ON COLUMN batch_summary.mean_own_s IS 'the rest of mean_latency_s: the step loop itself; the three parts sum to it';
COMMENT ON COLUMN batch_summary.mean_admission_s IS 'before the claim, so beside mean_latency_s: seconds without room on the worker';
COMMENT ON COLUMN batch_summary.num_steps IS 'steps of jobs that ended';
COMMENT ON COLUMN batch_summary.num_drafted IS 'of these, steps that the drafter proposed and the base model scored';
COMMENT ON COLUMN batch_summary.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN batch_summary.step_acceptance IS 'acceptance rate: accepted / drafted; NULL where nothing was drafted';
COMMENT ON COLUMN batch_summary.kept_tokens IS 'tokens of jobs that ended: generated and kept, in thinking and answer';
COMMENT ON COLUMN batch_summary.spent_tokens IS 'every token generated for jobs that ended';
COMMENT ON COLUMN batch_summary.inserted_tokens IS 'tokens that the loop itself put in to close the thinking; neither kept nor spent';
COMMENT ON COLUMN batch_summary.engine_s IS 'wall seconds that step loops waited for engines, of jobs that ended';
COMMENT ON COLUMN batch_summary.device_s IS 'seconds in which the pair worked for jobs that ended, each instant shared equally among its calls in flight; NULL where a job is older than this measure, or none has ended';
COMMENT ON COLUMN batch_summary.drafter_device_s IS 'of device_s, the calls of the drafter, drafts ahead that were thrown away among them';
COMMENT ON COLUMN batch_summary.base_device_s IS 'of device_s, the calls of the base, verdicts among them';
COMMENT ON COLUMN batch_summary.prefill_s IS 'of device_s, the time before the first token of each call; the rest is decoding';
COMMENT ON COLUMN batch_summary.num_devices IS 'GPUs that share each second of device_s, as a mean over these; 1 on a CPU: device_s × num_devices are GPU-seconds';
COMMENT ON COLUMN batch_summary.num_metered IS 'jobs that ended and have device time: the n of a mean; jobs that never ran have none';
COMMENT ON COLUMN batch_summary.created_at IS 'when it was submitted';
COMMENT ON COLUMN batch_summary.paused_at IS 'since when its jobs may not run; NULL: they may';
COMMENT ON COLUMN batch_summary.cancelled_at IS 'when it was cancelled, if it was';
COMMENT ON COLUMN batch_summary.finished_at IS 'when its last job ended; NULL while one is queued or running';
