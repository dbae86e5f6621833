"""Finds the ends of batches and writes a message for each webhook that is to hear of it.

A batch ends when its last open job does. Jobs of a batch end in transactions that do not see each other, so none of
them can tell that it is the last one. The ends are found afterwards, from the events of the jobs. A batch whose jobs
are queued again ends once more; `record_ends` is called before that, so that the earlier end is not missed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, true, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import batch, event, job
from specreason.store.tables.states import OPEN, EventKind, JobState
from specreason.store.tables.webhooks import webhook, webhook_delivery

BATCH_ENDED = "batch.ended"
# Events that one transaction reads for one webhook, and the webhooks that it looks at.
WINDOW = 20_000
MOST_WEBHOOKS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One end of a batch: the jobs in each end state, and the last event and time of them all."""

    batch_id: UUID
    owner: str | None
    last_event_id: int
    ended_at: datetime
    counts: Mapping[JobState, int]

    def body(self) -> str:
        """Ids, states and counts, and no text of a user or a model."""
        counts = {f"num_{state}": self.counts.get(state, 0) for state in JobState if state.ended}
        data = {"batch_id": str(self.batch_id), "num_jobs": sum(self.counts.values()), **counts}
        return json.dumps({"type": BATCH_ENDED, "timestamp": self.ended_at.isoformat(), "data": data})


def trial_body() -> str:
    """The body of a message that a user asks for, to see that it arrives."""
    return json.dumps({"type": "webhook.test", "timestamp": datetime.now(UTC).isoformat(), "data": {}})


def collect_ends(database: Database, *, up_to: int) -> bool:
    """Write the messages of ends whose events are at or below `up_to`. True if more are left to look at.

    No event at or below `up_to` may still appear. Webhooks that another process looks at are left to it.
    """
    behind = select(webhook).where(webhook.c.seen_event_id < up_to).order_by(webhook.c.id)
    with transaction(database) as connection:
        rows = connection.execute(behind.limit(MOST_WEBHOOKS).with_for_update(skip_locked=True)).all()
        more = len(rows) == MOST_WEBHOOKS
        for row in rows:
            last = min(up_to, row.seen_event_id + WINDOW)
            more |= last < up_to
            its = batch.c.owner.is_not_distinct_from(row.owner)
            ended = (
                select(event.c.batch_id)
                .join(batch, batch.c.id == event.c.batch_id)
                .where(event.c.id > row.seen_event_id, event.c.id <= last, its)
                .where(event.c.kind == EventKind.JOB_ENDED)
                .distinct()
            )
            record_ends(connection, connection.scalars(ended).all(), which=webhook.c.id == row.id)
            connection.execute(update(webhook).where(webhook.c.id == row.id).values(seen_event_id=last))
    return more


def record_ends(
    connection: Connection, batch_ids: Collection[UUID], *, which: ColumnElement[bool] | None = None
) -> None:
    """Write the messages of those batches that have ended, to their owners' webhooks; one that is there stays."""
    chosen = true() if which is None else which
    for each in _ends(connection, batch_ids) if batch_ids and _has_webhook(connection, chosen) else ():
        of_owner = select(webhook.c.id).where(chosen, webhook.c.owner.is_not_distinct_from(each.owner))
        rows = [
            {
                "id": uuid7(),
                "webhook_id": webhook_id,
                "batch_id": each.batch_id,
                "last_event_id": each.last_event_id,
                "body": each.body(),
                "next_try_at": now(),
            }
            for webhook_id in connection.scalars(of_owner)
        ]
        if rows:
            connection.execute(insert_once(webhook_delivery).values(rows).on_conflict_do_nothing())


def _has_webhook(connection: Connection, which: ColumnElement[bool]) -> bool:
    return connection.scalar(select(webhook.c.id).where(which).limit(1)) is not None


def _ends(connection: Connection, batch_ids: Collection[UUID]) -> Iterable[_End]:
    """The batches without an open job. The jobs of the others are not counted."""
    has_open = exists(select(job.c.id).where(job.c.batch_id == batch.c.id, job.c.state.in_(OPEN)))
    last_event = (
        select(func.max(event.c.id))
        .where(event.c.batch_id == batch.c.id, event.c.kind == EventKind.JOB_ENDED)
        .scalar_subquery()
    )
    ended = select(batch.c.id).where(one_of_ids(batch.c.id, batch_ids), ~has_open)
    for batch_id in connection.scalars(ended).all():
        # In one statement, for jobs may be queued again between two.
        counted = (
            select(
                batch.c.owner,
                last_event.label("last_event_id"),
                job.c.state,
                func.count().label("num"),
                func.max(job.c.finished_at).label("ended_at"),
            )
            .join(job, job.c.batch_id == batch.c.id)
            .where(batch.c.id == batch_id)
            .group_by(batch.c.id, job.c.state)
        )
        rows: list[Any] = list(connection.execute(counted))
        if rows and rows[0].last_event_id is not None and not any(row.state in OPEN for row in rows):
            yield _End(
                batch_id=batch_id,
                owner=rows[0].owner,
                last_event_id=rows[0].last_event_id,
                ended_at=max(row.ended_at for row in rows),
                counts={JobState(row.state): row.num for row in rows},
            )
