"""Jobs that a process of an older version has ended: an upgrade replaces workers one by one."""

from __future__ import annotations

from sqlalchemy import select, text, update

from specreason.store.queue.rollups import add_steps
from specreason.store.queue.transitions import TOTALS, totals_of
from specreason.store.session import Database, transaction
from specreason.store.tables.queue import LEFT_OUT, job

MOST_JOBS = 200


def add_left_out(database: Database) -> int:
    """Store the totals of at most MOST_JOBS such jobs, and add their steps to the sums of `rollups`; their number.

    Two processes may do so at once: neither waits for the other's jobs, nor adds them again.
    """
    left_out = select(job.c.id).where(text(LEFT_OUT)).order_by(job.c.id).limit(MOST_JOBS)
    with transaction(database) as connection:
        job_ids = connection.scalars(left_out.with_for_update(skip_locked=True)).all()
        if job_ids:
            totals = totals_of(job_ids)
            stored = {name: totals.c[name] for name in TOTALS}
            connection.execute(update(job).where(job.c.id == totals.c.id).values(**stored))
            add_steps(connection, job_ids)
    return len(job_ids)
