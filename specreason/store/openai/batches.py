"""The rows of OpenAI's batches. Each has one input file, and one row of `batch` for each configuration in the file.

`OpenAIBatch` is OpenAI's batch; a plain batch is a row of `batch`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, true, update
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.errors import NotFound
from specreason.store.access.visibility import Viewer
from specreason.store.files.rows import NewFile, insert_file
from specreason.store.locks import Lock, try_lock_connection, unlock_connection
from specreason.store.openai.lines import count_lines
from specreason.store.openai.status import LineCounts, NewOpenAIBatch, OpenAIBatch, Usage
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.controls import cancel_batch
from specreason.store.session import Connection, Database, single_statement, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.files import VALIDATING, file, openai_batch
from specreason.store.tables.queue import batch, job
from specreason.store.tables.states import OPEN
from specreason.submission.text import checked_metadata, storable_json

NO_USAGE = Usage()


def insert_openai_batch(connection: Connection, new: NewOpenAIBatch) -> OpenAIBatch:
    """Write a batch that is still to be validated, in the caller's transaction. Its file must exist.

    Raises InvalidField for metadata that cannot be stored.
    """
    batch_id: UUID = uuid7()
    connection.execute(
        insert(openai_batch).values(
            id=batch_id,
            owner=new.owner,
            file_id=new.file_id,
            endpoint=new.endpoint,
            completion_window=new.completion_window,
            metadata=checked_metadata(new.metadata),
            output_expires_after_s=new.output_expires_after_s,
            max_queued_jobs=new.max_queued_jobs,
            expires_at=new.expires_at,
        )
    )
    (batch,) = _read(connection, Viewer.EVERYONE, openai_batch.c.id == batch_id)
    return batch


def read_openai_batch(database: Database, viewer: Viewer, batch_id: UUID) -> OpenAIBatch:
    """Raises NotFound."""
    with transaction(database) as connection:
        found = _read(connection, viewer, openai_batch.c.id == batch_id)
    if not found:
        raise NotFound(f"batch: there is none with id batch_{batch_id.hex}")
    return found[0]


def list_openai_batches(
    database: Database, viewer: Viewer, *, after: UUID | None = None, limit: int = 20
) -> tuple[OpenAIBatch, ...]:
    """A page, newest first: at most `limit`, submitted before the batch `after`."""
    older = true() if after is None else openai_batch.c.id < after
    with transaction(database) as connection:
        return _read(connection, viewer, older, limit=limit)


def unsettled_batches(database: Database) -> tuple[UUID, ...]:
    """The batches that need an API: to validate them, to cancel them, or to write their files after their jobs ended.

    The query counts no jobs: for a batch that runs, it looks for one open job.
    """
    open_job = (
        select(job.c.id)
        .join(batch, batch.c.id == job.c.batch_id)
        .where(batch.c.openai_batch_id == openai_batch.c.id, job.c.state.in_(OPEN))
        .limit(1)
        .scalar_subquery()
    )
    to_cancel = openai_batch.c.cancelling_at.is_not(None) & openai_batch.c.ended_at.is_(None)
    waiting = select(openai_batch.c.id).where(
        openai_batch.c.failed_at.is_(None),
        openai_batch.c.num_completed.is_(None),
        to_cancel | open_job.is_(None),
    )
    with transaction(database) as connection:
        return tuple(connection.scalars(waiting.order_by(openai_batch.c.id)))


def batches_of(database: Database, batch_id: UUID) -> tuple[UUID, ...]:
    """The plain batches with its lines."""
    of_lines = select(batch.c.id).where(batch.c.openai_batch_id == batch_id).order_by(batch.c.id)
    with transaction(database) as connection:
        return tuple(connection.scalars(of_lines))


def start_openai_batch(database: Database, batch_id: UUID, batches: Sequence[NewBatch]) -> bool:
    """Queue the jobs of a validated batch, all of them or none. False if it was cancelled meanwhile, or started."""
    started = update(openai_batch).where(openai_batch.c.id == batch_id, *VALIDATING)
    model = ", ".join(sorted({new.pair for new in batches}))
    with transaction(database) as connection:
        write_batches(connection, batches)
        # Last, for it locks the row, and a cancel would wait.
        if not connection.execute(started.values(in_progress_at=now(), model=model)).rowcount:
            connection.rollback()
            return False
    return True


def fail_openai_batch(database: Database, batch_id: UUID, errors: Sequence[Mapping[str, Any]]) -> None:
    """Store that the file was refused. A batch that is not being validated any more stays as it is."""
    failed = update(openai_batch).where(openai_batch.c.id == batch_id, *VALIDATING)
    with transaction(database) as connection:
        connection.execute(failed.values(failed_at=now(), errors=storable_json(errors)))


def mark_cancelling(database: Database, viewer: Viewer, batch_id: UUID) -> None:
    """Mark the batch as being cancelled. A batch that has ended, or that the viewer does not see, stays as it is."""
    cancelled = update(openai_batch).where(
        openai_batch.c.id == batch_id,
        viewer.sees(openai_batch.c.owner),
        openai_batch.c.failed_at.is_(None),
        openai_batch.c.ended_at.is_(None),
        openai_batch.c.cancelling_at.is_(None),
    )
    with transaction(database) as connection:
        connection.execute(cancelled.values(cancelling_at=now()))


def cancel_open_jobs(database: Database, viewer: Viewer, batch_id: UUID) -> None:
    """Cancel every job of its plain batches that has not ended. Raises NotFound if the viewer does not see them."""
    for part_id in batches_of(database, batch_id):
        cancel_batch(database, viewer, part_id)


def end_openai_batch(
    database: Database,
    seen: OpenAIBatch,
    *,
    usage: Usage = NO_USAGE,
    output: NewFile | None = None,
    error: NewFile | None = None,
) -> bool:
    """Write the rows of the result files, which hold all results of the jobs that had ended in `seen`.

    `usage` is that of the results. A file without results is None. The files of an earlier end are marked as deleted.
    False, and no change, if other files were written since `seen` was read, or jobs were queued again.
    """
    counts = seen.counts
    ended = update(openai_batch).where(
        openai_batch.c.id == seen.id, openai_batch.c.ended_at.is_not_distinct_from(seen.ended_at)
    )
    replaced = [each for each in (seen.output_file_id, seen.error_file_id) if each is not None]
    with transaction(database) as connection:
        for new in (output, error):
            if new is not None:
                insert_file(connection, new)
        found = connection.execute(
            ended.values(
                finalizing_at=counts.last_finished_at,
                ended_at=now(),
                num_completed=counts.completed,
                num_failed=counts.failed,
                num_expired=counts.expired,
                **asdict(usage),
                output_file_id=output.content.file_id if output else None,
                error_file_id=error.content.file_id if error else None,
            )
        )
        # The row is locked now: a transaction that queues jobs again waits for this one, or its jobs are counted here.
        if not found.rowcount or counts.num_open or count_lines(connection, [seen.id])[seen.id] != counts:
            connection.rollback()
            return False
        connection.execute(
            update(file)
            .where(one_of_ids(file.c.id, replaced), file.c.deleted_at.is_(None))
            .values(deleted_at=now())
        )
    return True


@contextmanager
def one_at_a_time(database: Database, batch_id: UUID) -> Iterator[bool]:
    """Hold the batch's lock for the block. Yields False if another process has it. A killed process loses it."""
    with single_statement(database) as connection:
        is_free = try_lock_connection(connection, Lock.OPENAI_BATCH, str(batch_id))
        try:
            yield is_free
        finally:
            if is_free:
                unlock_connection(connection, Lock.OPENAI_BATCH, str(batch_id))


def _read(
    connection: Connection, viewer: Viewer, which: ColumnElement[bool], *, limit: int = 1
) -> tuple[OpenAIBatch, ...]:
    seen = select(openai_batch).where(which, viewer.sees(openai_batch.c.owner))
    page = seen.order_by(openai_batch.c.id.desc()).limit(limit)
    rows = connection.execute(page).all()
    counted = count_lines(connection, [row.id for row in rows if row.num_completed is None])
    return tuple(_to_batch(row, counted.get(row.id)) for row in rows)


def _to_batch(row: Row[Any], counted: LineCounts | None) -> OpenAIBatch:
    """`counted` is None if the row has the counts."""
    values = dict(row._mapping)
    completed, failed, expired = (values.pop(name) for name in ("num_completed", "num_failed", "num_expired"))
    used = {each.name: values.pop(each.name) for each in fields(Usage)}
    # A batch that ended before its tokens were counted has none of these.
    has_usage = counted is None and None not in used.values()
    counts = counted or LineCounts(
        total=completed + failed,
        completed=completed,
        failed=failed,
        expired=expired,
        last_finished_at=row.finalizing_at,
    )
    return OpenAIBatch(
        **values, usage=Usage(**used) if has_usage else None, counts=counts, is_written=counted is None
    )
