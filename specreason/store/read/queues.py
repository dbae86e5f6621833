"""Reads what waits and what runs, pair by pair and for all owners together: counts, and no row of anybody.

Meant to be asked every few seconds. Each count reads an index and ends at MOST_COUNTED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.queue import UNGRADED

MOST_COUNTED = 100_000
MOST_GRADES = 10_000
# The time that `num_graded` and `num_given_up` are about.
RECENT = timedelta(minutes=10)

# Pairs that have jobs in the queue: one look into the index for each. Its predicate stands in each part.
_WAITING = "state = 'queued' AND NOT paused AND published_at IS NULL"
UNANNOUNCED = text(f"""
    WITH RECURSIVE waiting (pair) AS (
        (SELECT pair FROM job WHERE {_WAITING} ORDER BY pair LIMIT 1)
        UNION ALL
        SELECT (SELECT job.pair FROM job WHERE {_WAITING} AND job.pair > waiting.pair ORDER BY job.pair LIMIT 1)
        FROM waiting WHERE waiting.pair IS NOT NULL
    )
    SELECT waiting.pair, counted.number, counted.oldest
    FROM waiting
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, min(id::text) AS oldest
        FROM (SELECT id FROM job WHERE {_WAITING} AND job.pair = waiting.pair LIMIT :most) AS first
    ) AS counted
    WHERE waiting.pair IS NOT NULL
""")  # noqa: S608 -- our own words
ANNOUNCED = text("""
    SELECT pair, count(*) AS number, min(id::text) AS oldest FROM job
    WHERE state = 'queued' AND NOT paused AND published_at IS NOT NULL GROUP BY pair
""")
RUNNING = text(
    "SELECT pair, count(*) AS number, NULL AS oldest FROM job WHERE state = 'running' GROUP BY pair"
)
WORKERS = text("SELECT pair, count(*) AS number, sum(slots)::int AS slots FROM live_worker GROUP BY pair")
TO_GRADE = text(f"SELECT count(*) FROM (SELECT FROM job WHERE {UNGRADED} LIMIT :most) AS first")  # noqa: S608
GRADED = text("""
    SELECT count(*) AS number, count(*) FILTER (WHERE given_up) AS num_given_up
    FROM (SELECT given_up FROM grade WHERE id >= :since ORDER BY id DESC LIMIT :most) AS newest
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The queue of one pair. Jobs of paused batches do not wait, and are not in it.

    `num_queued` counts jobs that wait for a worker, for the first time or again, `num_announced` those of them whose
    message is out; `oldest_at` is when the oldest of them was submitted (of the next `MOST_COUNTED`). `slots` are those
    of the `num_workers` live workers.
    """

    pair: str
    num_queued: int
    num_announced: int
    num_running: int
    oldest_at: datetime | None
    num_workers: int
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """All queues, and the grader's: `num_ungraded` answers wait for it. In the last ten minutes it has graded
    `num_graded` answers, and of these given up `num_given_up`. No count is above 100,000, of grades 10,000."""

    pairs: tuple[Queue, ...]
    num_ungraded: int
    num_graded: int
    num_given_up: int


def read_queues(database: Database) -> Queues:
    """The queues now; a pair that has neither a job nor a live worker is missing. Raises StoreUnavailable."""
    since = _id_of(datetime.now(UTC) - RECENT)
    with transaction(database) as connection:
        # One look for all counts: a job that is announced or claimed meanwhile is counted once.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        unannounced = _counts(connection, UNANNOUNCED, most=MOST_COUNTED)
        announced = _counts(connection, ANNOUNCED)
        running = _counts(connection, RUNNING)
        workers = {row.pair: (row.number, row.slots) for row in connection.execute(WORKERS)}
        num_ungraded = connection.scalar(TO_GRADE, {"most": MOST_COUNTED}) or 0
        graded = connection.execute(GRADED, {"since": since, "most": MOST_GRADES}).one()
    nothing = (0, None)
    queues = []
    for pair in sorted({*unannounced, *announced, *running, *workers}):
        waiting, out = unannounced.get(pair, nothing), announced.get(pair, nothing)
        oldest = min((each for _, each in (waiting, out) if each is not None), default=None)
        num_workers, slots = workers.get(pair, (0, 0))
        queues.append(
            Queue(
                pair=pair,
                num_queued=waiting[0] + out[0],
                num_announced=out[0],
                num_running=running.get(pair, nothing)[0],
                oldest_at=oldest,
                num_workers=num_workers,
                slots=slots,
            )
        )
    return Queues(
        pairs=tuple(queues),
        num_ungraded=num_ungraded,
        num_graded=graded.number,
        num_given_up=graded.num_given_up,
    )


def _counts(
    connection: Connection, statement: object, **bounds: int
) -> Mapping[str, tuple[int, datetime | None]]:
    """The number of jobs of each pair, and when the oldest was submitted: its id begins with that time."""
    rows = connection.execute(statement, bounds)  # type: ignore[call-overload]
    return {
        row.pair: (row.number, None if row.oldest is None else submitted_at(UUID(row.oldest))) for row in rows
    }


def submitted_at(job_id: UUID) -> datetime:
    """When a row with this id (uuid7) was made."""
    return datetime.fromtimestamp((job_id.int >> 80) / 1000, UTC)


def _id_of(moment: datetime) -> UUID:
    """The smallest id (uuid7) of a row that was made then."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
