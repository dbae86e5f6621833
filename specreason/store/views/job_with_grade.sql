-- Each job as its table has it, with the newest of its grades, which is the one that counts. The rule stands here only.
CREATE VIEW job_with_grade AS
SELECT job.*, newest_grade.is_correct
FROM job
LEFT JOIN LATERAL (
    SELECT grade.is_correct
    FROM grade
    WHERE grade.job_id = job.id AND job.graded_at IS NOT NULL
    ORDER BY grade.id DESC
    LIMIT 1
) AS newest_grade ON true;

COMMENT ON VIEW job_with_grade IS 'One row per job: the columns of the table job, and the newest grade.';
COMMENT ON COLUMN job_with_grade.is_correct IS 'newest grade; NULL while there is none';
