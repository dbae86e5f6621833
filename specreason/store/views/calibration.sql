-- Whether a high score means a right answer.
CREATE VIEW calibration AS
SELECT
    batch.id AS batch_id,
    batch.name AS batch_name,
    batch.config ->> 'scheme' AS scheme,
    drafts.utility_score,
    sum(drafts.num_drafts)::bigint AS num_drafts,
    sum(drafts.num_accepted)::bigint AS num_accepted,
    coalesce(sum(drafts.num_drafts) FILTER (WHERE drafts.is_correct), 0)::bigint AS num_right,
    (coalesce(sum(drafts.num_drafts) FILTER (WHERE drafts.is_correct), 0)
        / sum(drafts.num_drafts))::double precision AS share_right,
    sum(drafts.expected_score) / sum(drafts.num_drafts)::double precision AS mean_expected_score,
    count(*) AS num_jobs
FROM (
    SELECT
        job.batch_id,
        job.is_correct,
        step.utility_score,
        count(*) AS num_drafts,
        count(*) FILTER (WHERE step.decision = 'accepted') AS num_accepted,
        sum(step.expected_score) AS expected_score
    FROM job_with_grade AS job
    JOIN step ON step.job_id = job.id
    WHERE job.is_correct IS NOT NULL AND step.decision IN ('accepted', 'rejected', 'rejected_no_digit')
    GROUP BY job.batch_id, job.id, job.is_correct, step.utility_score
) AS drafts
JOIN batch ON batch.id = drafts.batch_id
GROUP BY batch.id, drafts.utility_score;

COMMENT ON VIEW calibration IS 'One row per batch and score: the drafts of graded jobs with that score, and the share of them in jobs whose answer became right.';
COMMENT ON COLUMN calibration.batch_id IS 'the batch';
COMMENT ON COLUMN calibration.batch_name IS 'the user''s name for the batch';
COMMENT ON COLUMN calibration.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN calibration.utility_score IS 'digit that the base wrote; NULL: none';
COMMENT ON COLUMN calibration.num_drafts IS 'drafts with this score in graded jobs: the n of share_right';
COMMENT ON COLUMN calibration.num_accepted IS 'of these, the ones that were kept';
COMMENT ON COLUMN calibration.num_right IS 'of these, the ones in jobs whose newest grade is correct';
COMMENT ON COLUMN calibration.share_right IS 'right / drafts; the drafts of a job share its outcome, so intervals go by num_jobs';
COMMENT ON COLUMN calibration.mean_expected_score IS 'mean over these drafts of the ten digits, weighted by their probabilities; NULL without a digit';
COMMENT ON COLUMN calibration.num_jobs IS 'jobs that these drafts are from';
