"""The state of Postgres after the run: nothing lost, nothing twice, no gap, no row of a worker that had no right to it.

Every figure is one SQL statement over the tables as they stand; none trusts what a worker reported of itself. What
must hold at every moment, sums and counts among it, is in `tests.support.store.queue_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from specreason.store.session import Database, transaction

# A job counts as lost if it never ended, or is said to have succeeded without a whole trace.
LOST = """
    SELECT count(*) FROM job
    LEFT JOIN (
        SELECT job_id, count(*) AS num_steps, count(payload.index) AS num_payloads,
            bool_or(phase = 'answer' AND index = last_index) AS answered
        FROM (SELECT *, max(index) OVER (PARTITION BY job_id) AS last_index FROM step) AS step
        LEFT JOIN step_payload AS payload USING (job_id, index)
        GROUP BY job_id
    ) AS trace ON trace.job_id = job.id
    WHERE job.finished_at IS NULL
       OR job.state = 'succeeded' AND (
            trace.job_id IS NULL OR NOT trace.answered
            OR trace.num_steps <> job.num_steps OR trace.num_payloads <> trace.num_steps)
"""

# Once a job has succeeded, nothing more may happen to it.
DUPLICATED = """
    SELECT count(*) FROM job
    WHERE (SELECT count(*) FROM attempt WHERE job_id = job.id AND outcome = 'succeeded') > 1
       OR EXISTS (
            SELECT FROM event AS done JOIN event AS later ON later.job_id = done.job_id AND later.id > done.id
            WHERE done.job_id = job.id AND done.kind = 'job_ended' AND done.state = 'succeeded'
              AND later.kind IN ('job_claimed', 'job_ended'))
"""

GAPS = """
    SELECT count(*) FROM (
        SELECT FROM step GROUP BY job_id HAVING min(index) <> 0 OR max(index) + 1 <> count(DISTINCT index)
    ) AS gap
"""

# A later claim went on from its `first_step`: every row from there on must be its own or that of a later one. And no
# row may be written after its own claim has ended, beyond the moment in which the two could wait for each other.
STALE_WRITES = """
    SELECT count(*) FROM step
    WHERE EXISTS (
        SELECT FROM attempt
        WHERE attempt.job_id = step.job_id AND attempt.fence > step.fence AND step.index >= attempt.first_step)
       OR EXISTS (
        SELECT FROM attempt
        WHERE attempt.job_id = step.job_id AND attempt.fence = step.fence
          AND step.created_at > attempt.ended_at + interval '1 s')
"""

STALE_REFUSED = """
    SELECT count(*) FROM event
    WHERE kind = 'write_refused' AND EXISTS (
        SELECT FROM attempt
        WHERE attempt.job_id = event.job_id AND attempt.fence > (event.detail ->> 'fence')::bigint)
"""

WRITES_REFUSED = "SELECT count(*) FROM event WHERE kind = 'write_refused'"

# A claim that follows upon a claim: between two there must be an end. The writer of a job's event holds the job's
# lock, so the ids of its events are in the order of their commits.
OVERLAPPING = """
    SELECT count(*) FROM (
        SELECT kind, lag(kind) OVER (PARTITION BY job_id ORDER BY id) AS before FROM event
        WHERE kind IN ('job_claimed', 'job_requeued', 'job_ended')
    ) AS told
    WHERE kind = 'job_claimed' AND before = 'job_claimed'
"""

# Killed workers that had stored a step of a job which then went on from there under another claim.
KILLS_AFTER_A_STEP = """
    SELECT count(DISTINCT attempt.worker_id) FROM attempt JOIN attempt AS next USING (job_id)
    WHERE next.number = attempt.number + 1 AND next.first_step > 0 AND attempt.outcome = 'lost'
      AND attempt.worker_id = ANY(:killed)
"""


def audit(database: Database, *, num_submitted: int, killed: Sequence[UUID]) -> dict[str, int]:
    """`killed`: the workers that were ended by SIGKILL, by the ids they had."""
    with transaction(database) as connection:

        def count(sql: str, **parameters: object) -> int:
            number: int = connection.execute(text(sql), parameters).scalar_one()
            return number

        num_jobs = count("SELECT count(*) FROM job")
        return {
            "jobs": num_submitted,
            "succeeded": count("SELECT count(*) FROM job WHERE state = 'succeeded'"),
            "lost": num_submitted - num_jobs + count(LOST),
            "duplicated": max(0, num_jobs - num_submitted) + count(DUPLICATED),
            "gaps": count(GAPS),
            "stale_writes": count(STALE_WRITES),
            "stale_refused": count(STALE_REFUSED),
            "writes_refused": count(WRITES_REFUSED),
            "overlapping": count(OVERLAPPING),
            "kills_after_a_step": count(KILLS_AFTER_A_STEP, killed=list(killed)),
        }


def num_unfinished(database: Database) -> int:
    with transaction(database) as connection:
        number: int = connection.execute(
            text("SELECT count(*) FROM job WHERE finished_at IS NULL")
        ).scalar_one()
        return number


def outcomes(database: Database) -> dict[str, int]:
    """Attempts by how they ended."""
    counted = text(
        "SELECT coalesce(outcome, 'open') AS outcome, count(*) AS number FROM attempt GROUP BY 1 ORDER BY 1"
    )
    with transaction(database) as connection:
        return {row.outcome: row.number for row in connection.execute(counted)}
