-- Each step beside its job and its texts, for queries of one's own.
CREATE VIEW step_detail AS
SELECT
    job.batch_id,
    step.job_id,
    problem.index AS problem_index,
    problem.problem_id,
    job.repeat,
    job.state AS job_state,
    job.is_correct AS job_is_correct,
    step.index,
    step.phase,
    step.decision,
    step.author,
    step.threshold,
    step.utility_score,
    step.expected_score,
    step.digit_probs,
    step.non_digit_mass,
    step.recent_acceptance,
    step.break_even,
    step.tokens_since_draft,
    step.kept_tokens,
    step.spent_tokens,
    step.draft_tokens,
    step.written_tokens,
    step.inserted_tokens,
    step.draft_latency_s - step.draft_ahead_s AS draft_s,
    step.verify_latency_s AS verify_s,
    step.written_latency_s AS written_s,
    step.drafter_device_s,
    step.base_device_s,
    payload.kept_text,
    payload.draft_text,
    step.created_at
FROM step
JOIN job_with_grade AS job ON job.id = step.job_id
JOIN problem ON problem.id = job.problem_id
LEFT JOIN step_payload AS payload ON payload.job_id = step.job_id AND payload.index = step.index;

COMMENT ON VIEW step_detail IS 'One row per step, with its job''s place and grade, and its texts.';
COMMENT ON COLUMN step_detail.batch_id IS 'the batch of its job';
COMMENT ON COLUMN step_detail.job_id IS 'its job';
COMMENT ON COLUMN step_detail.problem_index IS 'order of the problem in its batch, from 0';
COMMENT ON COLUMN step_detail.problem_id IS 'the user''s own name for the problem, if any';
COMMENT ON COLUMN step_detail.repeat IS 'statistical repeat of the job, from 0';
COMMENT ON COLUMN step_detail.job_state IS 'state of the job';
COMMENT ON COLUMN step_detail.job_is_correct IS 'newest grade of the job''s answer; NULL while there is none';
COMMENT ON COLUMN step_detail.index IS 'place in the trace, from 0';
COMMENT ON COLUMN step_detail.phase IS 'think until the thinking is closed, then answer';
COMMENT ON COLUMN step_detail.decision IS 'why the kept text was kept';
COMMENT ON COLUMN step_detail.author IS 'drafter or base, who wrote the kept text; NULL: the loop closed the thinking';
COMMENT ON COLUMN step_detail.threshold IS 'acceptance threshold in force; NULL where nothing was scored';
COMMENT ON COLUMN step_detail.utility_score IS 'digit that the base wrote; NULL: none';
COMMENT ON COLUMN step_detail.expected_score IS 'mean of the ten digits, weighted by their probabilities';
COMMENT ON COLUMN step_detail.digit_probs IS 'probabilities of the digits 0 to 9 in the verdict''s place';
COMMENT ON COLUMN step_detail.non_digit_mass IS 'probability that the verdict is no digit; NULL unless all ten are known';
COMMENT ON COLUMN step_detail.recent_acceptance IS 'share of recent drafts that were kept, when the step began; NULL: unknown';
COMMENT ON COLUMN step_detail.break_even IS 'share from which on drafting paid, when the step began; NULL: unknown';
COMMENT ON COLUMN step_detail.tokens_since_draft IS 'tokens that the base had written since the last draft, in all jobs; NULL: unknown';
COMMENT ON COLUMN step_detail.kept_tokens IS 'tokens generated and kept';
COMMENT ON COLUMN step_detail.spent_tokens IS 'tokens generated: the draft, one for the verdict, and what was written';
COMMENT ON COLUMN step_detail.draft_tokens IS 'tokens of the draft; NULL: none';
COMMENT ON COLUMN step_detail.written_tokens IS 'tokens written without a draft or in place of one; NULL: none';
COMMENT ON COLUMN step_detail.inserted_tokens IS 'tokens that the loop put in to close the thinking';
COMMENT ON COLUMN step_detail.draft_s IS 'seconds that the loop waited for the draft';
COMMENT ON COLUMN step_detail.verify_s IS 'seconds of the verification';
COMMENT ON COLUMN step_detail.written_s IS 'seconds of the text written without a draft or in place of one';
COMMENT ON COLUMN step_detail.drafter_device_s IS 'seconds of device time of the drafter; NULL: not measured';
COMMENT ON COLUMN step_detail.base_device_s IS 'seconds of device time of the base; NULL: not measured';
COMMENT ON COLUMN step_detail.kept_text IS 'text that was kept; NULL if texts were deleted';
COMMENT ON COLUMN step_detail.draft_text IS 'text of the draft; NULL: none';
COMMENT ON COLUMN step_detail.created_at IS 'when it was stored';
