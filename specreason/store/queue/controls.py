"""The controls of a user over submitted jobs: cancel, pause, resume, queue again, set a deadline or a priority.

Each takes effect in Postgres at once, and returns what it changed; where nothing is left to change it writes no event.
A worker that runs such a job learns of it within a second (`recalled`), and its writes until then are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, null, select, update
from sqlalchemy.sql.functions import now

from specreason.errors import InvalidField
from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer, require_batch, require_job
from specreason.store.queue.fairness import forget_retries, restart_at_clock
from specreason.store.queue.quota import check_quota, quota_of
from specreason.store.queue.texts import refuse_without_texts, texts_are_gone
from specreason.store.queue.transitions import end_jobs, lock_jobs, requeue_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.error_kinds import key_of_kind
from specreason.store.tables.files import openai_batch
from specreason.store.tables.queue import batch, event, job
from specreason.store.tables.states import OPEN, AttemptOutcome, EventKind, JobState
from specreason.store.webhooks.ends import record_ends

REQUEUABLE = (JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.DEAD)


def cancel_batch(database: Database, viewer: Viewer, batch_id: UUID) -> int:
    """Cancel every job of the batch that has not ended; return how many there were. Raises NotFound.

    A batch without such a job does not count as cancelled. Running jobs are cancelled first, in a transaction of their
    own: else the next commits of their workers would wait for all the queued ones.
    """
    this = job.c.batch_id == batch_id
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        running = _cancel(connection, this & (job.c.state == JobState.RUNNING))
    with transaction(database) as connection:
        _lock(connection, batch_id)
        num_cancelled = running + _cancel(connection, this)
        if num_cancelled:
            _set(connection, batch_id, cancelled_at=func.coalesce(batch.c.cancelled_at, now()))
            connection.execute(insert(event).values(kind=EventKind.BATCH_CANCELLED, batch_id=batch_id))
    return num_cancelled


def cancel_job(database: Database, viewer: Viewer, job_id: UUID) -> bool:
    """Cancel the job; False if it had ended. Raises NotFound."""
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        return _cancel(connection, job.c.id == job_id) == 1


def pause_batch(database: Database, viewer: Viewer, batch_id: UUID) -> bool:
    """Start none of the batch's jobs, and stop the running ones at their next step. Raises NotFound.

    False if it was paused already. A batch whose jobs have ended can be paused: jobs that are queued again wait.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        is_new = _lock(connection, batch_id) is None
        if is_new:
            _set(connection, batch_id, paused_at=now())
            _mark_queued(connection, batch_id)
            connection.execute(insert(event).values(kind=EventKind.BATCH_PAUSED, batch_id=batch_id))
    _mark_stragglers(database, batch_id)
    return is_new


def resume_batch(database: Database, viewer: Viewer, batch_id: UUID) -> bool:
    """Let the batch's jobs run again, with turns behind those announced meanwhile. False if it was not paused.

    Raises NotFound.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        is_new = _lock(connection, batch_id) is not None
        if is_new:
            _set(connection, batch_id, paused_at=null())
            restart_at_clock(connection, _mark_queued(connection, batch_id))
            connection.execute(insert(event).values(kind=EventKind.BATCH_RESUMED, batch_id=batch_id))
    _mark_stragglers(database, batch_id)
    return is_new


def set_batch_deadline(
    database: Database, viewer: Viewer, batch_id: UUID, deadline_at: datetime | None
) -> int:
    """Set the deadline of every job that has not ended (None: no deadline); return how many had another.

    Jobs whose deadline has passed expire within a second. Raises NotFound.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _lock(connection, batch_id)
        return _set_deadline(connection, job.c.batch_id == batch_id, deadline_at)


def set_job_deadline(database: Database, viewer: Viewer, job_id: UUID, deadline_at: datetime | None) -> bool:
    """Set the deadline of the job (None: no deadline). False if it has ended or has this one already.

    Raises NotFound.
    """
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        return _set_deadline(connection, job.c.id == job_id, deadline_at) == 1


def set_batch_priority(database: Database, viewer: Viewer, batch_id: UUID, priority: int) -> int:
    """Set the priority of the batch and of its jobs that have not ended; return how many jobs that changes.

    The jobs get new turns, like newly submitted jobs of that priority. Messages that were sent stay sent. Raises
    NotFound.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _set(connection, batch_id, priority=priority)
        changes = (job.c.batch_id == batch_id) & job.c.state.in_(OPEN) & (job.c.priority != priority)
        changed = lock_jobs(connection, changes)
        connection.execute(update(job).where(one_of_ids(job.c.id, changed)).values(priority=priority))
        restart_at_clock(connection, changed)
        if changed:
            forget_retries(connection, batch_id)
    return len(changed)


def requeue_batch(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    states: Iterable[JobState] = (JobState.FAILED, JobState.DEAD),
    *,
    kind: str | None = None,
) -> int:
    """Queue the batch's jobs that ended in one of `states` again; return how many. Raises NotFound.

    `kind`: only those whose error is of this kind, as `key_of_kind` names it.
    They continue after their last step, which those cannot whose texts were deleted. A deadline that has passed is
    removed. Raises LimitReached if the jobs exceed the largest quota among the keys of the batch's owner; StillRunning
    as `check_quota` does; InputError if texts are missing (`refuse_without_texts`).
    """
    chosen = frozenset(states)
    if wrong := chosen.difference(REQUEUABLE):
        allowed = ", ".join(REQUEUABLE)
        raise InvalidField("states", f"'{min(wrong)}' cannot be queued again; these can: {allowed}")
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _lock(connection, batch_id)
        which = (job.c.batch_id == batch_id) & job.c.state.in_(chosen)
        return _requeue(connection, batch_id, which if kind is None else which & (key_of_kind() == kind))


def requeue_job(database: Database, viewer: Viewer, job_id: UUID) -> bool:
    """Queue the job again, as `requeue_batch` does. False if it is queued, is running, or has succeeded."""
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        # The lock keeps the batch from being paused or resumed until this transaction commits.
        of_job = select(batch.c.id).join(job, job.c.batch_id == batch.c.id).where(job.c.id == job_id)
        batch_id = connection.execute(of_job.with_for_update(read=True, of=batch)).scalar_one()
        which = (job.c.id == job_id) & job.c.state.in_(REQUEUABLE)
        return _requeue(connection, batch_id, which) == 1


def _mark_queued(connection: Connection, batch_id: UUID) -> tuple[UUID, ...]:
    """Set `paused` of the batch's queued jobs to the batch's own state; return the jobs that this changes."""
    is_paused = select(batch.c.paused_at.is_not(None)).where(batch.c.id == batch_id).scalar_subquery()
    other = (job.c.batch_id == batch_id) & (job.c.state == JobState.QUEUED) & (job.c.paused != is_paused)
    changed = lock_jobs(connection, other)
    connection.execute(
        update(job).where(one_of_ids(job.c.id, changed)).values(paused=is_paused, published_at=None)
    )
    return changed


def _mark_stragglers(database: Database, batch_id: UUID) -> None:
    """Mark the jobs that were being given back meanwhile, which may have read the batch's earlier state.

    A transaction that gives a job back holds the job's row until it commits: after this lock its change is visible.
    """
    with transaction(database) as connection:
        lock_jobs(connection, (job.c.batch_id == batch_id) & (job.c.state == JobState.RUNNING))
        _mark_queued(connection, batch_id)


def _lock(connection: Connection, batch_id: UUID) -> datetime | None:
    """Lock the row of the batch until the transaction ends; return since when the batch is paused."""
    row = select(batch.c.paused_at).where(batch.c.id == batch_id)
    paused_at: datetime | None = connection.execute(row.with_for_update(key_share=True)).scalar_one()
    return paused_at


def _set(connection: Connection, batch_id: UUID, **values: object) -> None:
    """Set columns of the batch, which also locks its row."""
    connection.execute(update(batch).where(batch.c.id == batch_id).values(**values))


def _cancel(connection: Connection, which: ColumnElement[bool]) -> int:
    open_jobs = lock_jobs(connection, which & job.c.state.in_(OPEN))
    end_jobs(
        connection,
        open_jobs,
        state=JobState.CANCELLED,
        outcome=AttemptOutcome.CANCELLED,
        stop_reason=StopReason.CANCELLED,
    )
    return len(open_jobs)


def _set_deadline(connection: Connection, which: ColumnElement[bool], deadline_at: datetime | None) -> int:
    changes = which & job.c.state.in_(OPEN) & job.c.deadline_at.is_distinct_from(deadline_at)
    changed = lock_jobs(connection, changes)
    connection.execute(update(job).where(one_of_ids(job.c.id, changed)).values(deadline_at=deadline_at))
    return len(changed)


def _requeue(connection: Connection, batch_id: UUID, which: ColumnElement[bool]) -> int:
    """The jobs count against the quota of the batch's owner, also when an administrator queues them."""
    ended = lock_jobs(connection, which & ~texts_are_gone())
    refuse_without_texts(connection, batch_id, which, num_left=len(ended))
    owner = connection.scalar(select(batch.c.owner).where(batch.c.id == batch_id))
    most = quota_of(connection, owner) if ended and owner is not None else None
    if owner is not None and most is not None:
        check_quota(connection, owner, len(ended), most=most)
    if ended:
        record_ends(connection, [batch_id])
        _reopen_results(connection, batch_id)
    requeue_jobs(connection, ended)
    return len(ended)


def _reopen_results(connection: Connection, batch_id: UUID) -> None:
    """The result files of the OpenAI batch that this batch belongs to, if any, no longer hold every result."""
    parent = select(batch.c.openai_batch_id).where(batch.c.id == batch_id).scalar_subquery()
    reopened = update(openai_batch).where(openai_batch.c.id == parent)
    connection.execute(reopened.values(num_completed=None, num_failed=None, num_expired=None))
