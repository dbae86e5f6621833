"""Retention: deletes the texts and token ids of jobs that ended long ago, and keeps their numbers and labels.

A job's rows of `step_payload` are deleted together, in transactions of some thousand rows. What is deleted needs no
mark: a step without its payload is one whose texts were deleted. So a deletion that was broken off goes on when it is
asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, distinct, func, select, text, true
from sqlalchemy.sql.functions import now

from specreason.store.access.visibility import Viewer, require_batch
from specreason.store.queue.transitions import lock_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.files import openai_batch
from specreason.store.tables.queue import UNGRADED, batch, job
from specreason.store.tables.trace import step_payload

# Jobs that one transaction looks at, and the steps after which it takes no other job.
JOBS = 500
STEPS = 5_000
BUDGET_S = 1.0

_SIZE = sum(
    (
        func.coalesce(func.pg_column_size(column), 0)
        for column in step_payload.c
        if column.name not in ("job_id", "index")
    ),
    start=0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a portion of a deletion deleted, or would delete. `num_bytes` are those of texts and ids as stored.

    `next` is the job after which the next portion begins; None: there is no other.
    """

    num_jobs: int
    num_steps: int
    num_bytes: int
    next: UUID | None


def prune_texts(
    database: Database,
    viewer: Viewer,
    *,
    older_than_s: float,
    batch_id: UUID | None = None,
    after: UUID | None = None,
    dry_run: bool = False,
    budget_s: float = BUDGET_S,
) -> Pruned:
    """Delete texts of jobs that ended more than `older_than_s` seconds ago, for about `budget_s` seconds.

    Answers that still wait for a grade, and those of OpenAI batches whose result files are not written yet, keep their
    texts. With `dry_run` nothing is deleted. Raises NotFound for a batch that the viewer does not see.
    """
    ends_at = time.monotonic() + budget_s
    if batch_id is not None:
        with transaction(database) as connection:
            require_batch(connection, viewer, batch_id)
    which = _is_due(viewer, older_than_s, batch_id)
    num_jobs = num_steps = num_bytes = 0
    while True:
        with transaction(database) as connection:
            ids = _next_jobs(connection, which, after)
            if not ids:
                return Pruned(num_jobs=num_jobs, num_steps=num_steps, num_bytes=num_bytes, next=None)
            counted = _counted(connection, ids) if dry_run else _deleted(connection, ids, which)
        num_jobs, num_steps, num_bytes = (
            sum(pair) for pair in zip((num_jobs, num_steps, num_bytes), counted, strict=True)
        )
        after = ids[-1]
        if time.monotonic() > ends_at:
            return Pruned(num_jobs=num_jobs, num_steps=num_steps, num_bytes=num_bytes, next=after)


def _is_due(viewer: Viewer, older_than_s: float, batch_id: UUID | None) -> ColumnElement[bool]:
    """Condition on rows of `job`."""
    age = func.make_interval(0, 0, 0, 0, 0, 0, older_than_s)
    # No numbers of lines: the files are still to be written, or again because jobs of the batch were queued again.
    unwritten = (
        select(openai_batch.c.id)
        .where(openai_batch.c.id == batch.c.openai_batch_id, openai_batch.c.num_completed.is_(None))
        .exists()
    )
    may = (
        select(batch.c.id)
        .where(batch.c.id == job.c.batch_id, viewer.sees(batch.c.owner), ~unwritten)
        .exists()
    )
    waits_for_grade = case((text(UNGRADED), True), else_=False)
    return and_(
        job.c.finished_at < now() - age,
        true() if batch_id is None else job.c.batch_id == batch_id,
        ~waits_for_grade,
        may,
    )


def _next_jobs(connection: Connection, which: ColumnElement[bool], after: UUID | None) -> Sequence[UUID]:
    """The next jobs, as many as have some thousand steps together; one at least."""
    page = select(job.c.id, func.coalesce(job.c.num_steps, 0).label("num_steps")).where(which)
    if after is not None:
        page = page.where(job.c.id > after)
    ids: list[UUID] = []
    total = 0
    for row in connection.execute(page.order_by(job.c.id).limit(JOBS)):
        total += row.num_steps
        if ids and total > STEPS:
            break
        ids.append(row.id)
    return ids


def _counted(connection: Connection, ids: Sequence[UUID]) -> tuple[int, int, int]:
    its = one_of_ids(step_payload.c.job_id, ids)
    sums = (func.count(distinct(step_payload.c.job_id)), func.count(), func.coalesce(func.sum(_SIZE), 0))
    num_jobs, num_steps, num_bytes = connection.execute(select(*sums).where(its)).one()
    return num_jobs, num_steps, int(num_bytes)


def _deleted(connection: Connection, ids: Sequence[UUID], which: ColumnElement[bool]) -> tuple[int, int, int]:
    # Whoever queues jobs of an OpenAI batch again waits, or has done so before the condition is looked at: its result
    # files need the texts of all its jobs.
    of_jobs = select(job.c.batch_id).where(one_of_ids(job.c.id, ids))
    of_openai = select(batch.c.id).where(batch.c.openai_batch_id.is_not(None), batch.c.id.in_(of_jobs))
    connection.execute(of_openai.order_by(batch.c.id).with_for_update(key_share=True))
    # A job that is queued again meanwhile keeps its texts.
    still = lock_jobs(connection, one_of_ids(job.c.id, ids) & which)
    gone = (
        delete(step_payload)
        .where(one_of_ids(step_payload.c.job_id, still))
        .returning(step_payload.c.job_id, _SIZE.label("size"))  # type: ignore[union-attr]
        .cte("gone")
    )
    sums = (func.count(distinct(gone.c.job_id)), func.count(), func.coalesce(func.sum(gone.c.size), 0))
    num_jobs, num_steps, num_bytes = connection.execute(select(*sums)).one()
    return num_jobs, num_steps, int(num_bytes)
