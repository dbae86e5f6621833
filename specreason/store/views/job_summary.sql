-- One row per job: the request, its state, and the sums over its steps so far (live while it runs).
CREATE VIEW job_summary AS
SELECT
    job.id AS job_id,
    job.batch_id,
    batch.name AS batch_name,
    job.pair,
    batch.config ->> 'scheme' AS scheme,
    problem.index AS problem_index,
    problem.problem_id,
    problem.text AS problem,
    problem.messages,
    problem.answer AS gold,
    job.repeat,
    job.seed,
    job.priority,
    job.state,
    job.stop_reason,
    job.error,
    job.answer,
    job.is_correct,
    job.graded_by,
    job.grade_detail,
    job.given_up,
    job.graded_at,
    steps.num_steps,
    steps.num_drafted,
    steps.num_accepted,
    steps.num_accepted::double precision / nullif(steps.num_drafted, 0) AS step_acceptance,
    steps.think_tokens,
    steps.answer_tokens,
    steps.think_tokens + steps.answer_tokens AS kept_tokens,
    steps.spent_tokens,
    steps.spent_tokens - steps.think_tokens - steps.answer_tokens AS wasted_tokens,
    steps.inserted_tokens,
    job.latency_s,
    steps.engine_s,
    job.store_s,
    CASE WHEN NOT job.resumed AND job.store_s IS NOT NULL
        THEN greatest(0, job.latency_s - steps.engine_s - job.store_s)
    END AS own_s,
    job.admission_s,
    steps.drafter_device_s + steps.base_device_s AS device_s,
    steps.drafter_device_s,
    steps.base_device_s,
    steps.prefill_s,
    worker.num_devices,
    job.resumed,
    job.num_attempts,
    job.num_errors,
    job.num_lost,
    job.concurrency,
    job.mean_concurrency,
    job.pair_fingerprint,
    job.worker_id,
    job.deadline_at,
    job.created_at,
    job.started_at,
    job.finished_at
FROM job_with_grade AS job
JOIN batch ON batch.id = job.batch_id
JOIN problem ON problem.id = job.problem_id
LEFT JOIN worker ON worker.id = job.worker_id
CROSS JOIN LATERAL (
    SELECT
        count(*) AS num_steps,
        count(*) FILTER (WHERE step.draft_tokens IS NOT NULL) AS num_drafted,
        count(*) FILTER (WHERE step.decision = 'accepted') AS num_accepted,
        coalesce(sum(step.kept_tokens) FILTER (WHERE step.phase = 'think'), 0) AS think_tokens,
        coalesce(sum(step.kept_tokens) FILTER (WHERE step.phase = 'answer'), 0) AS answer_tokens,
        coalesce(sum(step.spent_tokens), 0) AS spent_tokens,
        coalesce(sum(step.inserted_tokens), 0) AS inserted_tokens,
        coalesce(sum(
            coalesce(step.draft_latency_s - step.draft_ahead_s, 0)
            + coalesce(step.verify_latency_s, 0)
            + coalesce(step.written_latency_s, 0)
        ), 0) AS engine_s,
        CASE WHEN count(step.base_device_s) = count(*) THEN coalesce(sum(step.drafter_device_s), 0)
        END AS drafter_device_s,
        CASE WHEN count(step.base_device_s) = count(*) THEN coalesce(sum(step.base_device_s), 0)
        END AS base_device_s,
        CASE WHEN count(step.base_device_s) = count(*)
            THEN coalesce(sum(step.drafter_prefill_s + step.base_prefill_s), 0)
        END AS prefill_s
    FROM step
    WHERE step.job_id = job.id
) AS steps;

COMMENT ON VIEW job_summary IS 'One row per job, with the sums over its steps so far.';
COMMENT ON COLUMN job_summary.job_id IS 'uuid7: sorts by the time of submission';
COMMENT ON COLUMN job_summary.batch_id IS 'the batch it was submitted in';
COMMENT ON COLUMN job_summary.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN job_summary.pair IS 'requested model pair';
COMMENT ON COLUMN job_summary.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN job_summary.problem_index IS 'order of the problem in its batch, from 0';
COMMENT ON COLUMN job_summary.problem_id IS 'the user''s own name for the problem, if any';
COMMENT ON COLUMN job_summary.problem IS 'text of the problem; of a chat, its last user turn';
COMMENT ON COLUMN job_summary.messages IS 'the chat that the problem is: role and content of each message; NULL if it is plain';
COMMENT ON COLUMN job_summary.gold IS 'the right answer, if the user gave one';
COMMENT ON COLUMN job_summary.repeat IS 'statistical repeat, from 0, with its own seeds';
COMMENT ON COLUMN job_summary.seed IS 'seed of the configuration; each call derives its own from it';
COMMENT ON COLUMN job_summary.priority IS 'larger goes first';
COMMENT ON COLUMN job_summary.state IS 'queued, running, succeeded, failed, cancelled, expired or dead';
COMMENT ON COLUMN job_summary.stop_reason IS 'why the run ended; NULL until then, or if it ended in an error';
COMMENT ON COLUMN job_summary.error IS 'why the job failed or died';
COMMENT ON COLUMN job_summary.answer IS 'answer as extracted from the run';
COMMENT ON COLUMN job_summary.is_correct IS 'newest grade; NULL while there is none';
COMMENT ON COLUMN job_summary.graded_by IS 'name and version of the grader that gave it';
COMMENT ON COLUMN job_summary.grade_detail IS 'the layer of the grader that decided, and why';
COMMENT ON COLUMN job_summary.given_up IS 'whether the grader gave up within its bounds; the answer then counts as wrong';
COMMENT ON COLUMN job_summary.graded_at IS 'when; NULL while a grade is still to come, the first or another one';
COMMENT ON COLUMN job_summary.num_steps IS 'steps persisted so far, the answer included';
COMMENT ON COLUMN job_summary.num_drafted IS 'steps that the drafter proposed and the base model scored';
COMMENT ON COLUMN job_summary.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN job_summary.step_acceptance IS 'acceptance rate: accepted / drafted; NULL where nothing was drafted';
COMMENT ON COLUMN job_summary.think_tokens IS 'tokens generated and kept in the thinking';
COMMENT ON COLUMN job_summary.answer_tokens IS 'tokens generated and kept in the answer';
COMMENT ON COLUMN job_summary.kept_tokens IS 'think_tokens + answer_tokens';
COMMENT ON COLUMN job_summary.spent_tokens IS 'tokens generated: drafts, one per verdict, what was written; not drafts begun ahead in vain';
COMMENT ON COLUMN job_summary.wasted_tokens IS 'spent_tokens - kept_tokens: rejected drafts, verdicts, end-of-sequence tokens';
COMMENT ON COLUMN job_summary.inserted_tokens IS 'tokens that the loop itself put in to close the thinking; neither kept nor spent';
COMMENT ON COLUMN job_summary.latency_s IS 'wall seconds from the last claim to the end; not comparable if resumed';
COMMENT ON COLUMN job_summary.engine_s IS 'wall seconds that the step loop waited for engines, in all attempts';
COMMENT ON COLUMN job_summary.store_s IS 'of latency_s, seconds that the step loop waited until steps were stored; NULL unless the worker ended the job';
COMMENT ON COLUMN job_summary.own_s IS 'the rest: latency_s - engine_s - store_s, the step loop itself; NULL if one is unknown or the job was resumed';
COMMENT ON COLUMN job_summary.admission_s IS 'before the last claim, so not in latency_s: seconds without room on the worker';
COMMENT ON COLUMN job_summary.device_s IS 'seconds in which the pair worked for the stored steps, each instant shared equally among its calls in flight; NULL where a step is older than this measure';
COMMENT ON COLUMN job_summary.drafter_device_s IS 'of device_s, the calls of the drafter, drafts ahead that were thrown away among them';
COMMENT ON COLUMN job_summary.base_device_s IS 'of device_s, the calls of the base, verdicts among them';
COMMENT ON COLUMN job_summary.prefill_s IS 'of device_s, the time before the first token of each call; the rest is decoding';
COMMENT ON COLUMN job_summary.num_devices IS 'GPUs of the worker of the last claim; 1 on a CPU: device_s × num_devices are GPU-seconds';
COMMENT ON COLUMN job_summary.resumed IS 'whether the last claim went on from persisted steps';
COMMENT ON COLUMN job_summary.num_attempts IS 'claims so far';
COMMENT ON COLUMN job_summary.num_errors IS 'claims that ended in an error, since the job was last queued by hand';
COMMENT ON COLUMN job_summary.num_lost IS 'claims that ended with a lost worker, likewise';
COMMENT ON COLUMN job_summary.concurrency IS 'jobs in flight on the worker at the last claim, this one included';
COMMENT ON COLUMN job_summary.mean_concurrency IS 'mean number of jobs in flight on the worker during latency_s, this one included';
COMMENT ON COLUMN job_summary.pair_fingerprint IS 'weights, templates and engine version that wrote the steps';
COMMENT ON COLUMN job_summary.worker_id IS 'worker of the last claim';
COMMENT ON COLUMN job_summary.deadline_at IS 'when the job expires unless it has ended';
COMMENT ON COLUMN job_summary.created_at IS 'when it was submitted';
COMMENT ON COLUMN job_summary.started_at IS 'first claim';
COMMENT ON COLUMN job_summary.finished_at IS 'when it reached its end state';
