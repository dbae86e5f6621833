"""What a look at a batch costs little for: the batch as submitted, its jobs by state and stop reason, and its pace.

One pass over the rows of its jobs. The sums of `batch_summary` also look up each job's newest grade, and take about ten
times as long: of fifty thousand jobs, half a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from specreason.evaluation.pace import WINDOW_JOBS, WINDOW_S, Pace
from specreason.store.access.visibility import Viewer, no_batch
from specreason.store.read.batches.listing import ids_of_page
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import OPEN, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """A batch, how many of its jobs are in each state, and how many ended for each reason, the most frequent first.

    `started_at` is the first claim, `finished_at` the last end, None while a job is open.
    """

    batch_id: UUID
    name: str
    pair: str
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    priority: int
    num_problems: int
    num_jobs: int
    created_at: datetime
    paused_at: datetime | None
    num_queued: int
    num_running: int
    num_succeeded: int
    num_failed: int
    num_cancelled: int
    num_expired: int
    num_dead: int
    stop_reasons: Mapping[str, int]
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def scheme(self) -> str:
        return str(self.config.get("scheme"))

    @property
    def num_open(self) -> int:
        return self.num_queued + self.num_running

    @property
    def num_ended(self) -> int:
        return self.num_jobs - self.num_open


def read_counts(database: Database, viewer: Viewer, batch_id: UUID) -> BatchCounts:
    """Raises NotFound."""
    with transaction(database) as connection:
        found = _counts(connection, viewer, [batch_id])
    if not found:
        raise no_batch(batch_id)
    return found[0]


def list_counts(
    database: Database,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    limit: int = 50,
    is_open: bool | None = None,
    name: str | None = None,
    eval_name: str | None = None,
    pair: str | None = None,
) -> tuple[BatchCounts, ...]:
    """A page of batches, newest first, as `ids_of_page` says."""
    page = ids_of_page(
        viewer, before=before, limit=limit, is_open=is_open, name=name, eval_name=eval_name, pair=pair
    )
    with transaction(database) as connection:
        return _counts(connection, viewer, connection.scalars(page).all())


def read_pace(database: Database, viewer: Viewer, batch_id: UUID) -> Pace | None:
    """How fast jobs of the batch end now: over the last minute, or the last jobs where they took longer.

    None before the first job that ran has ended. Raises NotFound.
    """
    ran = (job.c.batch_id == batch_id) & job.c.finished_at.is_not(None) & job.c.started_at.is_not(None)
    latest = select(job.c.finished_at).where(ran).order_by(job.c.finished_at.desc()).limit(WINDOW_JOBS)
    ends = latest.subquery()
    first = select(func.min(job.c.started_at)).where(job.c.batch_id == batch_id).scalar_subquery()
    with transaction(database) as connection:
        seen = select(batch.c.id).where(batch.c.id == batch_id, viewer.sees(batch.c.owner))
        if connection.scalar(seen) is None:
            raise no_batch(batch_id)
        now, started_at, num, earliest = connection.execute(
            select(func.now(), first, func.count(), func.min(ends.c.finished_at)).select_from(ends)
        ).one()
        if not num or started_at is None:
            return None
        # Of fewer jobs than that the batch is still young: its whole time counts.
        since = started_at if num < WINDOW_JOBS else min(earliest, now - timedelta(seconds=WINDOW_S))
        since = max(since, started_at)
        number = connection.execute(select(func.count()).where(ran, job.c.finished_at >= since)).scalar_one()
    return Pace(num_ended=int(number), seconds=(now - since).total_seconds())


_OF_BATCH = (
    batch.c.id.label("batch_id"),
    *(
        batch.c[name]
        for name in (
            "name",
            "pair",
            "config",
            "metadata",
            "priority",
            "num_problems",
            "num_jobs",
            "created_at",
            "paused_at",
        )
    ),
)


def _counts(connection: Connection, viewer: Viewer, ids: Collection[UUID]) -> tuple[BatchCounts, ...]:
    """The batches that the viewer sees, newest first."""
    rows = select(*_OF_BATCH).where(one_of_ids(batch.c.id, ids), viewer.sees(batch.c.owner))
    batches = connection.execute(rows.order_by(batch.c.id.desc())).all()
    grouped = (
        select(
            job.c.batch_id,
            job.c.state,
            job.c.stop_reason,
            func.count().label("number"),
            func.min(job.c.started_at).label("started_at"),
            func.max(job.c.finished_at).label("finished_at"),
        )
        .where(one_of_ids(job.c.batch_id, [row.batch_id for row in batches]))
        .group_by(job.c.batch_id, job.c.state, job.c.stop_reason)
    )
    groups: dict[UUID, list[Row[Any]]] = {}
    for group in connection.execute(grouped):
        groups.setdefault(group.batch_id, []).append(group)
    return tuple(_summed(row, groups.get(row.batch_id, [])) for row in batches)


def _summed(row: Row[Any], groups: list[Row[Any]]) -> BatchCounts:
    states, stop_reasons = Counter[str](), Counter[str]()
    for group in groups:
        states[group.state] += group.number
        if group.stop_reason is not None:
            stop_reasons[group.stop_reason] += group.number
    starts = [group.started_at for group in groups if group.started_at is not None]
    ends = [group.finished_at for group in groups if group.finished_at is not None]
    has_ended = not any(states[state] for state in OPEN)
    return BatchCounts(
        **row._mapping,
        num_queued=states[JobState.QUEUED],
        num_running=states[JobState.RUNNING],
        num_succeeded=states[JobState.SUCCEEDED],
        num_failed=states[JobState.FAILED],
        num_cancelled=states[JobState.CANCELLED],
        num_expired=states[JobState.EXPIRED],
        num_dead=states[JobState.DEAD],
        stop_reasons=dict(stop_reasons.most_common()),
        started_at=min(starts, default=None),
        finished_at=max(ends, default=None) if has_ended else None,
    )
