"""Sums over the steps of jobs that have ended, by batch, decision, score, position and length: `step_rollup`.

The transaction that ends a job adds its steps, the one that queues an ended job again subtracts them. So the sums are
those of the ended jobs at every moment, whatever is killed, and views read them in place of millions of steps.
A process older than this table ends a job without adding its steps, and leaves `num_thinking` NULL: the steps of an
ended job are in the sums if it has that number. `older.add_left_out` adds the others.

Rows are locked in the order of their key, in one statement, which is the last of its transaction that waits for a lock:
two transactions never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from specreason.store.session import Connection
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import job
from specreason.store.tables.trace import ROLLUP_KEY, ROLLUP_SUMS, step_rollup

NUM_PARTS = 8
_EDGES = f"ARRAY[0, {', '.join(str(2**power) for power in range(24))}]"


def _range_of(number: str) -> str:
    """The smallest number of the range of `number`: 0, or the largest power of two that is not above it."""
    return f"({_EDGES})[width_bucket({number}, {_EDGES})]"


def _seconds(latency: str) -> str:
    return f"coalesce(sum(round(({latency})::numeric, 6)), 0)"


# Of the rows of `job` and `step`, joined.
_KEY = {
    "batch_id": "job.batch_id",
    "part": f"get_byte(uuid_send(job.id), 15) % {NUM_PARTS}",
    "phase": "step.phase",
    "decision": "step.decision",
    "author": "step.author",
    "utility_score": "step.utility_score",
    "position": _range_of("step.index"),
    "length": _range_of("coalesce(step.draft_tokens, step.written_tokens, step.inserted_tokens)"),
}
_SUMS = {
    "num_steps": "count(*)",
    "kept_tokens": "sum(step.kept_tokens)",
    "spent_tokens": "sum(step.spent_tokens)",
    "draft_tokens": "coalesce(sum(step.draft_tokens), 0)",
    "written_tokens": "coalesce(sum(step.written_tokens), 0)",
    "inserted_tokens": "sum(step.inserted_tokens)",
    "draft_s": _seconds("step.draft_latency_s - step.draft_ahead_s"),
    "verify_s": _seconds("step.verify_latency_s"),
    "written_s": _seconds("step.written_latency_s"),
}


_PLACES = ", ".join(str(place + 1) for place in range(len(ROLLUP_KEY)))


def _sums(which: str, *, sign: str = "") -> str:
    """The sums over the steps of the jobs for which the condition holds."""
    columns = [f"{_KEY[name]} AS {name}" for name in ROLLUP_KEY]
    columns += [f"{sign}({_SUMS[name]}) AS {name}" for name in ROLLUP_SUMS]
    return f"""
        SELECT {", ".join(columns)}
        FROM job JOIN step ON step.job_id = job.id
        WHERE {which}
        GROUP BY {_PLACES}
    """  # noqa: S608 -- names and expressions of ours


def _insert(which: str, *, sign: str = "") -> str:
    """Insert these sums in the order of the key."""
    names = ", ".join((*ROLLUP_KEY, *ROLLUP_SUMS))
    return f"INSERT INTO step_rollup ({names}) {_sums(which, sign=sign)} ORDER BY {_PLACES}"


_ON_CONFLICT = f"""
    ON CONFLICT ({", ".join(ROLLUP_KEY)}) DO UPDATE
    SET {", ".join(f"{name} = step_rollup.{name} + excluded.{name}" for name in ROLLUP_SUMS)}
"""  # noqa: S608 -- names only
# A job that no worker has claimed has no steps, and need not be looked up.
_OF_JOBS = "job.id = ANY(:job_ids) AND job.num_attempts > 0"
_JOB_IDS = bindparam("job_ids", type_=ARRAY(Uuid))
_ADD = text(_insert(_OF_JOBS) + _ON_CONFLICT).bindparams(_JOB_IDS)
_SUBTRACT = text(_insert(_OF_JOBS, sign="-") + _ON_CONFLICT).bindparams(_JOB_IDS)

REBUILD = text(
    _insert("job.batch_id = ANY(:batch_ids) AND job.finished_at IS NOT NULL AND job.num_thinking IS NOT NULL")
).bindparams(bindparam("batch_ids", type_=ARRAY(Uuid)))
"""Writes the sums of batches that have none, after their rows were loaded in bulk."""

RECOMPUTED = _sums("job.finished_at IS NOT NULL")
"""The rows that `step_rollup` must have, computed from all steps."""


def add_steps(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Add the steps of locked jobs that end."""
    connection.execute(_ADD, {"job_ids": list(job_ids)})


def subtract_steps(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Subtract the steps of locked jobs that had ended, and were in the sums. Rows that sum to nothing are deleted."""
    connection.execute(_SUBTRACT, {"job_ids": list(job_ids)})
    theirs = select(job.c.batch_id).where(one_of_ids(job.c.id, job_ids))
    # No other transaction has committed such a row, so this waits for none.
    connection.execute(
        delete(step_rollup).where(step_rollup.c.num_steps == 0, step_rollup.c.batch_id.in_(theirs))
    )


def rebuild(connection: Connection, batch_ids: Collection[UUID]) -> None:
    """Compute the sums of these batches anew. None of their jobs may end or be queued again meanwhile."""
    connection.execute(delete(step_rollup).where(one_of_ids(step_rollup.c.batch_id, batch_ids)))
    connection.execute(REBUILD, {"batch_ids": list(batch_ids)})
