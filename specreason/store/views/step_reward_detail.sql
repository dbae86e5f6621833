-- Each score of a process reward model beside its step, and beside the base's score of the same text.
CREATE VIEW step_reward_detail AS
SELECT
    job.batch_id,
    reward.job_id,
    problem.index AS problem_index,
    problem.problem_id,
    job.repeat,
    job.is_correct AS job_is_correct,
    reward.step_index,
    step.phase,
    step.decision,
    step.author,
    step.threshold,
    step.kept_tokens,
    reward.prm,
    reward.revision,
    reward.score,
    reward.draft_score,
    CASE WHEN step.decision = 'accepted' THEN reward.score ELSE reward.draft_score END AS judged_score,
    step.utility_score,
    step.expected_score,
    reward.created_at
FROM step_reward AS reward
JOIN step ON step.job_id = reward.job_id AND step.index = reward.step_index
JOIN job_with_grade AS job ON job.id = reward.job_id
JOIN problem ON problem.id = job.problem_id;

COMMENT ON VIEW step_reward_detail IS 'One row per step and process reward model that scored it.';
COMMENT ON COLUMN step_reward_detail.batch_id IS 'the batch of its job';
COMMENT ON COLUMN step_reward_detail.job_id IS 'its job';
COMMENT ON COLUMN step_reward_detail.problem_index IS 'order of the problem in its batch, from 0';
COMMENT ON COLUMN step_reward_detail.problem_id IS 'the user''s own name for the problem, if any';
COMMENT ON COLUMN step_reward_detail.repeat IS 'statistical repeat of the job, from 0';
COMMENT ON COLUMN step_reward_detail.job_is_correct IS 'newest grade of the job''s answer; NULL while there is none';
COMMENT ON COLUMN step_reward_detail.step_index IS 'place of the step in the trace, from 0';
COMMENT ON COLUMN step_reward_detail.phase IS 'think until the thinking is closed, then answer';
COMMENT ON COLUMN step_reward_detail.decision IS 'why the kept text was kept';
COMMENT ON COLUMN step_reward_detail.author IS 'drafter or base, who wrote the kept text';
COMMENT ON COLUMN step_reward_detail.threshold IS 'acceptance threshold in force; NULL where nothing was scored';
COMMENT ON COLUMN step_reward_detail.kept_tokens IS 'tokens generated and kept';
COMMENT ON COLUMN step_reward_detail.prm IS 'the process reward model';
COMMENT ON COLUMN step_reward_detail.revision IS 'of its files: a commit, or a hash';
COMMENT ON COLUMN step_reward_detail.score IS 'of the kept text, 0 to 1';
COMMENT ON COLUMN step_reward_detail.draft_score IS 'of the draft that was rejected, 0 to 1; NULL: there was none, or it was not scored';
COMMENT ON COLUMN step_reward_detail.judged_score IS 'of the draft, kept or not, whose utility score stands beside it; NULL: none';
COMMENT ON COLUMN step_reward_detail.utility_score IS 'digit that the base wrote of the draft; NULL: none';
COMMENT ON COLUMN step_reward_detail.expected_score IS 'mean of the ten digits, weighted by their probabilities';
COMMENT ON COLUMN step_reward_detail.created_at IS 'when it was stored';
