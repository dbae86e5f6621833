"""The rules of the queue's tables, which hold at every moment; each is SQL that finds the rows that break it.

One statement asks for all of them, so it may be asked while workers run: it sees one moment.
"""

from __future__ import annotations

from sqlalchemy import text

from specreason.store.queue.rollups import RECOMPUTED
from specreason.store.session import Database, transaction
from specreason.store.tables.states import JobState
from specreason.store.tables.trace import ROLLUP_KEY, ROLLUP_SUMS

ENDED = ", ".join(f"'{state}'" for state in JobState if state.ended)
ROLLUP = f"SELECT {', '.join((*ROLLUP_KEY, *ROLLUP_SUMS))} FROM step_rollup"
COUNTS = " + ".join(f"num_{state}" for state in JobState)

RULES = {
    "a running job has one open attempt, its newest, under its fence and worker; no other job has one": """
        SELECT job.id FROM job LEFT JOIN attempt ON attempt.job_id = job.id AND attempt.ended_at IS NULL
        GROUP BY job.id
        HAVING count(attempt.number) <> (job.state = 'running')::int OR bool_or(
            (attempt.number, attempt.fence, attempt.worker_id) <> (job.num_attempts, job.fence, job.worker_id))
    """,
    "a job has the fence of its last attempt, and as many attempts as it says": """
        SELECT job.id FROM job LEFT JOIN attempt ON attempt.job_id = job.id
        GROUP BY job.id
        HAVING job.fence <> coalesce(max(attempt.fence), 0) OR job.num_attempts <> count(attempt.number)
            OR job.num_attempts <> coalesce(max(attempt.number), 0)
    """,
    "fences rise from attempt to attempt": """
        SELECT job_id FROM attempt JOIN attempt AS later USING (job_id)
        WHERE later.number > attempt.number AND later.fence <= attempt.fence
    """,
    "steps have no gaps": "SELECT job_id FROM step GROUP BY job_id HAVING count(*) <> max(index) + 1",
    "a step has its texts": """
        SELECT coalesce(step.job_id, step_payload.job_id) FROM step FULL JOIN step_payload USING (job_id, index)
        WHERE step.job_id IS NULL OR step_payload.job_id IS NULL
    """,
    "no step is written under a fence once a later claim has begun at or before it": """
        SELECT job_id FROM step JOIN attempt USING (job_id)
        WHERE attempt.fence > step.fence AND step.index >= attempt.first_step
    """,
    "a step is written by the attempt whose fence it has": """
        SELECT job_id FROM step LEFT JOIN attempt USING (job_id, fence)
        WHERE attempt.first_step IS NULL OR step.index < attempt.first_step
    """,
    "the counts per state sum to the jobs": f"""
        SELECT batch_id FROM batch_summary
        WHERE {COUNTS} <> num_jobs OR num_jobs <> (SELECT count(*) FROM job WHERE job.batch_id = batch_summary.batch_id)
    """,
    "only a queued job is paused": "SELECT id FROM job WHERE paused AND state <> 'queued'",
    "a job that has ended has its totals and its end; no other has": f"""
        SELECT job_id FROM job_summary AS live JOIN job ON job.id = live.job_id
        WHERE CASE WHEN job.state IN ({ENDED})
            THEN job.finished_at IS NULL OR abs(job.engine_s - live.engine_s) > 1e-6
                OR abs(job.drafter_device_s + job.base_device_s - live.device_s) > 1e-6
                OR (job.base_device_s IS NULL) <> (live.device_s IS NULL)
                OR (job.num_steps, job.num_drafted, job.num_accepted, job.think_tokens, job.answer_tokens,
                    job.spent_tokens, job.inserted_tokens)
                IS DISTINCT FROM (live.num_steps, live.num_drafted, live.num_accepted, live.think_tokens,
                    live.answer_tokens, live.spent_tokens, live.inserted_tokens)
            ELSE num_nonnulls(job.finished_at, job.stop_reason, job.error, job.answer, job.latency_s, job.engine_s,
                    job.num_steps, job.num_drafted, job.num_accepted, job.think_tokens, job.answer_tokens,
                    job.spent_tokens, job.inserted_tokens, job.store_s, job.mean_concurrency,
                    job.base_device_s) > 0
            END
    """,
    "no job keeps more tokens than were generated for it": """
        SELECT job_id FROM job_summary WHERE kept_tokens > spent_tokens OR wasted_tokens < 0
    """,
    "the last event of a job tells its state": """
        SELECT job.id FROM job LEFT JOIN LATERAL (
            SELECT state FROM event WHERE event.job_id = job.id AND state IS NOT NULL ORDER BY id DESC LIMIT 1
        ) AS told ON true
        WHERE coalesce(told.state, 'queued') <> job.state
    """,
    "the sums over the steps of ended jobs are what these steps sum to": f"""
        SELECT batch_id FROM (({ROLLUP} EXCEPT ALL {RECOMPUTED}) UNION ALL ({RECOMPUTED} EXCEPT ALL {ROLLUP})) AS odd
    """,
    "every claim left an event": """
        SELECT job.id FROM job LEFT JOIN event ON event.job_id = job.id AND event.kind = 'job_claimed'
        GROUP BY job.id HAVING count(event.id) <> job.num_attempts
    """,
}

# True between moves, not at every moment: a job that is queued again while its batch is being paused may keep the old
# flag, until the pause has looked a second time.
PAUSED_AS_ITS_BATCH = "a queued job is paused exactly if its batch is"
RULES_AT_REST = RULES | {
    PAUSED_AS_ITS_BATCH: """
        SELECT job.id FROM job JOIN batch ON batch.id = job.batch_id
        WHERE job.state = 'queued' AND job.paused <> (batch.paused_at IS NOT NULL)
    """
}


def broken_rules(database: Database, rules: dict[str, str] = RULES) -> list[str]:
    """The rules that do not hold, each with an id that breaks it."""
    ask = " UNION ALL ".join(
        f"SELECT '{rule.replace(chr(39), chr(39) * 2)}' AS rule, id FROM ({sql}) AS broken (id)"
        for rule, sql in rules.items()
    )
    with transaction(database) as connection:
        return [f"{row.rule}: {row.id}" for row in connection.execute(text(ask))]
