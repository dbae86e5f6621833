"""Counts the lines of OpenAI's batches. A line is a problem of one of the batch's plain batches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from specreason.store.openai.status import LineCounts
from specreason.store.session import Connection
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import JobState


def count_lines(connection: Connection, batch_ids: Collection[UUID]) -> dict[UUID, LineCounts]:
    """The counts of lines of each batch, from all its jobs."""
    if not batch_ids:
        return {}
    counts = {
        row.openai_batch_id: LineCounts(
            total=row.total,
            completed=row.completed,
            failed=row.failed,
            expired=row.expired,
            last_finished_at=row.last_finished_at,
        )
        for row in connection.execute(_line_counts(batch_ids))
    }
    return {batch_id: counts.get(batch_id, LineCounts()) for batch_id in batch_ids}


def _line_counts(batch_ids: Collection[UUID]) -> Select[Any]:
    line = (
        select(
            batch.c.openai_batch_id,
            func.bool_or(job.c.state == JobState.SUCCEEDED).label("succeeded"),
            func.bool_or(job.c.state == JobState.EXPIRED).label("expired"),
            func.bool_and(job.c.finished_at.is_not(None)).label("ended"),
            func.max(job.c.finished_at).label("finished_at"),
        )
        .join(job, job.c.batch_id == batch.c.id)
        .where(one_of_ids(batch.c.openai_batch_id, batch_ids))
        .group_by(batch.c.openai_batch_id, job.c.problem_id)
        .subquery("line")
    )
    return select(
        line.c.openai_batch_id,
        func.count().label("total"),
        func.count().filter(line.c.ended, line.c.succeeded).label("completed"),
        func.count().filter(line.c.ended, ~line.c.succeeded).label("failed"),
        func.count().filter(line.c.expired).label("expired"),
        func.max(line.c.finished_at).label("last_finished_at"),
    ).group_by(line.c.openai_batch_id)
