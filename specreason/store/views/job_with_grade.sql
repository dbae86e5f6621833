-- Each job as its table has it, with the newest of its grades, which is the one that counts, also while another is to
-- come. The rule stands here only.
CREATE VIEW job_with_grade AS
SELECT job.*, newest_grade.is_correct, newest_grade.graded_by, newest_grade.grade_detail, newest_grade.given_up
FROM job
LEFT JOIN LATERAL (
    SELECT grade.is_correct, grade.grader AS graded_by, grade.detail AS grade_detail, grade.given_up
    FROM grade
    WHERE grade.job_id = job.id AND job.state = 'succeeded'
    ORDER BY grade.id DESC
    LIMIT 1
) AS newest_grade ON true;

COMMENT ON VIEW job_with_grade IS 'One row per job: the columns of the table job, and the newest grade.';
COMMENT ON COLUMN job_with_grade.is_correct IS 'newest grade; NULL while there is none';
COMMENT ON COLUMN job_with_grade.graded_by IS 'name and version of the grader that gave it';
COMMENT ON COLUMN job_with_grade.grade_detail IS 'the layer of the grader that decided, and why';
COMMENT ON COLUMN job_with_grade.given_up IS 'whether the grader gave up within its bounds; the answer then counts as wrong';
