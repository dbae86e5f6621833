"""How many jobs an owner may have in the queue."""

from __future__ import annotations

from sqlalchemy import func, select

from specreason.errors import LimitReached
from specreason.store.schema import batch, job
from specreason.store.session import Connection
from specreason.store.states import JobState

QUOTA_LOCK = 0x5BEC_0003  # with the owner: two submissions at once must not both find the same room
RETRY_AFTER_S = 30.0


def check_quota(connection: Connection, owner: str, num_new: int, *, most: int) -> None:
    """Raise LimitReached if `owner` would have more than `most` queued jobs with `num_new` more.

    Until the transaction ends, no other submission of this owner is counted.
    """
    connection.execute(select(func.pg_advisory_xact_lock(QUOTA_LOCK, func.hashtext(owner))))
    queued = (
        select(func.count())
        .select_from(job.join(batch, batch.c.id == job.c.batch_id))
        .where(batch.c.owner == owner, job.c.state == JobState.QUEUED)
    )
    num_queued = connection.scalar(queued) or 0
    if num_queued + num_new > most:
        raise LimitReached(
            f"quota: {num_queued} jobs of '{owner}' are queued, and {num_new} more would be above its {most}",
            retry_after_s=RETRY_AFTER_S,
        )
