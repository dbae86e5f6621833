-- Of the jobs with most of them, the first draft that the base rejected.
SELECT DISTINCT ON (step.job_id)
    step.job_id,
    step.index AS step,
    left(payload.draft_text, %(beginning)s) AS text
FROM step
LEFT JOIN step_payload AS payload ON payload.job_id = step.job_id AND payload.index = step.index
WHERE step.job_id = ANY (%(jobs)s) AND step.decision IN ('rejected', 'rejected_no_digit')
ORDER BY step.job_id, step.index
