-- Accuracy per dataset, whatever batches it was run in.
CREATE VIEW pass_at_1_by_dataset AS
SELECT
    per_problem.dataset,
    per_problem.pair,
    per_problem.scheme,
    per_problem.threshold,
    per_problem.config,
    sum(per_problem.num_right) / sum(per_problem.num_graded)::double precision AS pass_at_1,
    CASE WHEN count(*) > 1 THEN sqrt(nullif(round(greatest(0, (
        sum(per_problem.num_right ^ 2)
        - 2 * sum(per_problem.num_right) / sum(per_problem.num_graded)
            * sum(per_problem.num_right * per_problem.num_graded)
        + (sum(per_problem.num_right) / sum(per_problem.num_graded)) ^ 2 * sum(per_problem.num_graded ^ 2)
    ) * count(*) / (count(*) - 1)), 9), 0)::double precision) / sum(per_problem.num_graded)::double precision END
        AS standard_error,
    sum(per_problem.num_graded)::bigint AS num_graded,
    sum(per_problem.num_right)::bigint AS num_right,
    count(*) AS num_problems,
    max(per_problem.last_finished_at) AS last_finished_at
FROM (
    SELECT
        dataset.dataset,
        batch.pair,
        batch.config ->> 'scheme' AS scheme,
        CASE WHEN batch.config ->> 'scheme' IN ('specreason', 'specreason+decode')
            THEN (batch.config ->> 'threshold')::double precision
        END AS threshold,
        batch.config - '{seed,repeats,first_repeat}'::text[] AS config,
        coalesce(problem.problem_id, problem.index::text) AS name,
        count(*)::numeric AS num_graded,
        (count(*) FILTER (WHERE job.is_correct))::numeric AS num_right,
        max(job.finished_at) AS last_finished_at
    FROM job_with_grade AS job
    JOIN batch ON batch.id = job.batch_id
    JOIN problem ON problem.id = job.problem_id
    LEFT JOIN file ON file.id = batch.file_id AND file.filename NOT IN ('problems.jsonl', 'stdin.jsonl')
    CROSS JOIN LATERAL (
        SELECT coalesce(
            problem.source ->> 'dataset',
            batch.metadata ->> 'dataset',
            regexp_replace(file.filename, '\.[A-Za-z]+$', ''),
            nullif(CASE WHEN batch.metadata ? 'grid_id'
                THEN regexp_replace(
                    batch.name, ' ?(base|drafter|specdecode|specreason([+]decode)?)( threshold=[0-9.]+)?$', ''
                )
                ELSE batch.name
            END, ''),
            'unnamed'
        ) AS dataset
    ) AS dataset
    WHERE job.is_correct IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
) AS per_problem
GROUP BY per_problem.dataset, per_problem.pair, per_problem.scheme, per_problem.threshold, per_problem.config;

COMMENT ON VIEW pass_at_1_by_dataset IS 'One row per dataset, pair and configuration: pass@1 over all graded jobs, of all batches, whatever their seed and repeats.';
COMMENT ON COLUMN pass_at_1_by_dataset.dataset IS 'what the user says: the column dataset of the problem, else dataset in the batch''s metadata, else the name of the uploaded file (but problems.jsonl and stdin.jsonl, which say nothing), else the name of the batch without what a grid adds';
COMMENT ON COLUMN pass_at_1_by_dataset.pair IS 'model pair';
COMMENT ON COLUMN pass_at_1_by_dataset.scheme IS 'base, drafter, specdecode, specreason or specreason+decode';
COMMENT ON COLUMN pass_at_1_by_dataset.threshold IS 'acceptance threshold; NULL for a scheme without drafts';
COMMENT ON COLUMN pass_at_1_by_dataset.config IS 'the whole run configuration but seed and repeats: runs of another token budget, score method or sampling have rows of their own';
COMMENT ON COLUMN pass_at_1_by_dataset.pass_at_1 IS 'mean of the newest grades over all repeats and batches';
COMMENT ON COLUMN pass_at_1_by_dataset.standard_error IS 'of pass_at_1, with the grades of a problem counted as a cluster: twice it is half of a 95 percent interval where there are many problems; NULL for one problem, and where all have the same share of right answers, which does not tell how much chance is in it';
COMMENT ON COLUMN pass_at_1_by_dataset.num_graded IS 'jobs with a grade: the n of pass_at_1';
COMMENT ON COLUMN pass_at_1_by_dataset.num_right IS 'of these, jobs whose newest grade is correct';
COMMENT ON COLUMN pass_at_1_by_dataset.num_problems IS 'problems among them; one is known by its id or, without one, by its place in the file';
COMMENT ON COLUMN pass_at_1_by_dataset.last_finished_at IS 'when the last of these jobs ended';
