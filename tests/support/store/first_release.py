"""Rows as the first release wrote them: a job whose thinking was closed at its token budget.

Its closing tag counted as kept: 7 tokens kept of 6 spent.
"""

from __future__ import annotations

BATCH, PROBLEM, JOB, WORKER = (f"0193b2a4-0000-7000-8000-00000000000{number}" for number in range(4))

ONE_JOB = (
    "INSERT INTO model_pair (fingerprint, name) VALUES ('f', 'demo')",
    f"""
    INSERT INTO worker (id, pair, pair_fingerprint, host, pid, slots, lease_expires_at)
    VALUES ('{WORKER}', 'demo', 'f', 'here', 1, 1, now())
    """,
    f"""
    INSERT INTO batch (id, name, pair, config, config_hash, num_problems, num_jobs)
    VALUES ('{BATCH}', 'sums', 'demo', '{{"scheme": "base"}}', '', 1, 1)
    """,
    f"INSERT INTO problem (id, batch_id, index, text) VALUES ('{PROBLEM}', '{BATCH}', 0, '2 + 2?')",
    f"""
    INSERT INTO job (
        id, batch_id, problem_id, repeat, seed, pair, state, fence, num_attempts, worker_id, concurrency, finished_at,
        stop_reason, num_steps, num_drafted, num_accepted, think_tokens, answer_tokens, spent_tokens, engine_s,
        latency_s
    ) VALUES (
        '{JOB}', '{BATCH}', '{PROBLEM}', 0, 0, 'demo', 'succeeded', 1, 1, '{WORKER}', 1, now(),
        'token_budget', 3, 0, 0, 5, 2, 6, 2, 3
    )
    """,
    f"""
    INSERT INTO attempt (job_id, number, fence, worker_id, first_step, ended_at, outcome)
    VALUES ('{JOB}', 1, 1, '{WORKER}', 0, now(), 'succeeded')
    """,
    f"""
    INSERT INTO event (batch_id, job_id, kind, state)
    VALUES ('{BATCH}', '{JOB}', 'job_claimed', 'running'), ('{BATCH}', '{JOB}', 'job_ended', 'succeeded')
    """,
    f"""
    INSERT INTO step (
        job_id, index, fence, phase, decision, author, kept_tokens, spent_tokens, written_tokens,
        written_finish_reason, written_prompt_tokens, written_cached_tokens, written_ttft_s, written_latency_s
    ) VALUES
        ('{JOB}', 0, 1, 'think', 'base_only', 'base', 4, 4, 4, 'length', 9, 0, 0.1, 1),
        ('{JOB}', 1, 1, 'think', 'closed_token_budget', NULL, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL),
        ('{JOB}', 2, 1, 'answer', 'answer', 'base', 2, 2, 2, 'eos', 9, 0, 0.1, 1)
    """,
    f"""
    INSERT INTO step_payload (job_id, index, kept_text, kept_ids) VALUES
        ('{JOB}', 0, 'So.', '{{1,2,3,4}}'), ('{JOB}', 1, '</think>', '{{5}}'), ('{JOB}', 2, '4', '{{6,7}}')
    """,
)
