-- The steps of thinking that took longest. A job whose one model writes alone has chunks, not steps.
SELECT
    slowest.batch_id,
    slowest.job_id,
    coalesce(problem.problem_id, problem.index::text) AS problem,
    slowest.repeat,
    slowest.step,
    slowest.decision,
    slowest.author,
    slowest.seconds,
    slowest.kept_tokens,
    left(payload.kept_text, %(beginning)s) AS text
FROM (
    SELECT
        job.batch_id,
        job.id AS job_id,
        job.problem_id,
        job.repeat,
        step.index AS step,
        step.decision,
        step.author,
        coalesce(step.draft_latency_s - step.draft_ahead_s, 0) + coalesce(step.verify_latency_s, 0)
            + coalesce(step.written_latency_s, 0) AS seconds,
        step.kept_tokens
    FROM job
    JOIN problem ON problem.id = job.problem_id
    JOIN step ON step.job_id = job.id
    WHERE job.batch_id = ANY (%(batches)s)
        AND job.state = 'succeeded'
        AND step.phase = 'think'
        AND step.author IS NOT NULL
        AND step.decision NOT IN ('base_only', 'drafter_only')
        -- Of very many steps those of one in so many problems.
        AND (problem.index::int8 * 2654435761 %% 4294967296) * %(parts)s < 4294967296
    ORDER BY seconds DESC, job.id, step.index
    LIMIT %(most)s
) AS slowest
JOIN problem ON problem.id = slowest.problem_id
LEFT JOIN step_payload AS payload ON payload.job_id = slowest.job_id AND payload.index = slowest.step
ORDER BY slowest.seconds DESC, slowest.job_id, slowest.step
