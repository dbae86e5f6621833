-- Each job that has ended, with the sums that were stored when it did: job_summary without a look at its steps.
CREATE VIEW job_result AS
SELECT
    job.id AS job_id,
    job.batch_id,
    batch.name AS batch_name,
    job.pair,
    batch.config ->> 'scheme' AS scheme,
    problem.index AS problem_index,
    problem.problem_id,
    problem.answer AS gold,
    job.repeat,
    job.state,
    job.stop_reason,
    job.error,
    job.answer,
    job.is_correct,
    job.num_steps,
    job.num_drafted,
    job.num_accepted,
    job.think_tokens,
    job.answer_tokens,
    job.think_tokens + job.answer_tokens AS kept_tokens,
    job.spent_tokens,
    job.latency_s,
    job.engine_s,
    job.store_s,
    job.admission_s,
    job.resumed,
    job.mean_concurrency,
    job.drafter_device_s + job.base_device_s AS device_s,
    job.num_attempts,
    job.started_at,
    job.finished_at
FROM job_with_grade AS job
JOIN batch ON batch.id = job.batch_id
JOIN problem ON problem.id = job.problem_id
WHERE job.finished_at IS NOT NULL;

COMMENT ON VIEW job_result IS 'One row per job that has ended: its outcome, and the sums over its steps as they were stored then. Quicker than job_summary.';
COMMENT ON COLUMN job_result.job_id IS 'uuid7: sorts by the time of submission';
COMMENT ON COLUMN job_result.batch_id IS 'the batch it was submitted in';
COMMENT ON COLUMN job_result.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN job_result.pair IS 'requested model pair';
COMMENT ON COLUMN job_result.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN job_result.problem_index IS 'order of the problem in its batch, from 0';
COMMENT ON COLUMN job_result.problem_id IS 'the user''s own name for the problem, if any';
COMMENT ON COLUMN job_result.gold IS 'the right answer, if the user gave one';
COMMENT ON COLUMN job_result.repeat IS 'statistical repeat, from 0, with its own seeds';
COMMENT ON COLUMN job_result.state IS 'succeeded, failed, cancelled, expired or dead';
COMMENT ON COLUMN job_result.stop_reason IS 'why the run ended; NULL if it ended in an error';
COMMENT ON COLUMN job_result.error IS 'why the job failed or died';
COMMENT ON COLUMN job_result.answer IS 'answer as extracted from the run';
COMMENT ON COLUMN job_result.is_correct IS 'newest grade; NULL while there is none';
COMMENT ON COLUMN job_result.num_steps IS 'steps, the answer included';
COMMENT ON COLUMN job_result.num_drafted IS 'steps that the drafter proposed and the base model scored';
COMMENT ON COLUMN job_result.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN job_result.think_tokens IS 'tokens generated and kept in the thinking';
COMMENT ON COLUMN job_result.answer_tokens IS 'tokens generated and kept in the answer';
COMMENT ON COLUMN job_result.kept_tokens IS 'think_tokens + answer_tokens';
COMMENT ON COLUMN job_result.spent_tokens IS 'tokens generated';
COMMENT ON COLUMN job_result.latency_s IS 'wall seconds from the last claim to the end; not comparable if resumed';
COMMENT ON COLUMN job_result.engine_s IS 'wall seconds that the step loop waited for engines, in all attempts';
COMMENT ON COLUMN job_result.store_s IS 'of latency_s, seconds that it waited until steps were stored; NULL unless the worker ended the job';
COMMENT ON COLUMN job_result.admission_s IS 'before the last claim, so not in latency_s: seconds without room on the worker';
COMMENT ON COLUMN job_result.resumed IS 'whether the last claim went on from persisted steps';
COMMENT ON COLUMN job_result.mean_concurrency IS 'mean number of jobs in flight on the worker during latency_s, this one included';
COMMENT ON COLUMN job_result.device_s IS 'seconds of device time of both models; NULL: not measured';
COMMENT ON COLUMN job_result.num_attempts IS 'claims';
COMMENT ON COLUMN job_result.started_at IS 'first claim';
COMMENT ON COLUMN job_result.finished_at IS 'when it reached its end state';
