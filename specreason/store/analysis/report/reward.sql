-- The drafts with a utility score that a process reward model has scored, too; a kept draft is the step's own text.
WITH problem AS MATERIALIZED (
    SELECT
        problem.id,
        problem.index,
        hashtextextended(coalesce(problem.messages::text, '') || problem.text, 0) AS problem_digest
    FROM problem
    WHERE problem.batch_id = ANY (%(batches)s)
        -- Of very many steps those of one in so many problems.
        AND (problem.index::int8 * 2654435761 %% 4294967296) * %(parts)s < 4294967296
)
SELECT
    job.batch_id,
    problem.problem_digest,
    step_reward.prm,
    step_reward.revision,
    CASE WHEN step.decision = 'accepted' THEN step_reward.score ELSE step_reward.draft_score END AS score,
    step.utility_score,
    step.decision = 'accepted' AS is_accepted
FROM job
JOIN problem ON problem.id = job.problem_id
JOIN step ON step.job_id = job.id
JOIN step_reward ON step_reward.job_id = step.job_id AND step_reward.step_index = step.index
WHERE job.batch_id = ANY (%(batches)s)
    AND job.state = 'succeeded'
    AND step.utility_score IS NOT NULL
    AND (step.decision = 'accepted' OR step_reward.draft_score IS NOT NULL)
ORDER BY job.batch_id, problem.index, job.repeat, step.index, step_reward.prm, step_reward.revision
