"""Queues again all jobs of a viewer that failed or are dead with one kind of error, batch by batch."""

from __future__ import annotations

from sqlalchemy import select

from specreason.store.access.visibility import Viewer
from specreason.store.queue.controls import requeue_batch
from specreason.store.session import Database, transaction
from specreason.store.tables.error_kinds import key_of_kind
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import JobState


def requeue_kind(database: Database, viewer: Viewer, kind: str) -> int:
    """Queue the jobs again whose error is of the kind with this key (`key_of_kind`); return how many.

    Each batch in a transaction of its own: raises as `requeue_batch` does, and the batches before stay queued.
    """
    of_kind = key_of_kind() == kind
    batches = (
        select(job.c.batch_id)
        .distinct()
        .join(batch, batch.c.id == job.c.batch_id)
        .where(job.c.state.in_((JobState.FAILED, JobState.DEAD)), viewer.sees(batch.c.owner), of_kind)
        .order_by(job.c.batch_id)
    )
    with transaction(database) as connection:
        batch_ids = connection.scalars(batches).all()
    return sum(requeue_batch(database, viewer, batch_id, kind=kind) for batch_id in batch_ids)
