"""Quotas: the number of queued jobs that an owner may have."""

from __future__ import annotations

from sqlalchemy import func, select

from specreason.errors import LimitReached, StillRunning
from specreason.store.locks import Lock, try_lock
from specreason.store.session import Connection
from specreason.store.tables.access import api_key
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import JobState
from specreason.words import counted

RETRY_AFTER_S = 30.0


def check_quota(connection: Connection, owner: str, num_new: int, *, most: int) -> None:
    """Raise LimitReached if `num_new` more jobs would give `owner` more than `most` queued jobs.

    Until the transaction ends, another submission of this owner raises StillRunning. It does not wait, because it would
    hold a connection that other requests need.
    """
    if not try_lock(connection, Lock.QUOTA, owner):
        raise StillRunning(f"quota: another submission of '{owner}' is being stored; ask again")
    queued = (
        select(func.count())
        .select_from(job.join(batch, batch.c.id == job.c.batch_id))
        .where(batch.c.owner == owner, job.c.state == JobState.QUEUED)
    )
    num_queued = connection.scalar(queued) or 0
    if num_queued + num_new > most:
        raise LimitReached(
            f"quota: '{owner}' has {counted(num_queued, 'queued job')}; {num_new:,} more would exceed its {most:,}",
            retry_after_s=RETRY_AFTER_S,
        )


def quota_of(connection: Connection, owner: str) -> int | None:
    """The largest quota among the owner's valid keys. None if one of them has no quota, or if there is no valid key."""
    keys = select(
        func.max(api_key.c.max_queued_jobs), func.bool_or(api_key.c.max_queued_jobs.is_(None))
    ).where(api_key.c.owner == owner, api_key.c.revoked_at.is_(None))
    largest, unbounded = connection.execute(keys).one()
    return None if unbounded else largest
