"""The controls of a user over submitted jobs: cancel, pause, resume, queue again, set a deadline or a priority.

Each takes effect in Postgres at once. A worker that runs such a job learns of it within a second (`recalled`), and its
writes until then are refused.
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
from specreason.store.queue.transitions import end_jobs, lock_jobs, requeue_jobs
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.files import openai_batch
from specreason.store.tables.queue import batch, event, job
from specreason.store.tables.states import OPEN, AttemptOutcome, EventKind, JobState

REQUEUABLE = (JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.DEAD)


def cancel_batch(database: Database, viewer: Viewer, batch_id: UUID) -> int:
    """Cancel every job of the batch that has not ended; return how many there were. Raises NotFound.

    Running jobs are cancelled first, in a transaction of their own: else the next commits of their workers would wait
    for all the queued ones.
    """
    this = job.c.batch_id == batch_id
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        running = _cancel(connection, this & (job.c.state == JobState.RUNNING))
    with transaction(database) as connection:
        _touch(connection, batch_id, cancelled_at=func.coalesce(batch.c.cancelled_at, now()))
        queued = _cancel(connection, this)
        connection.execute(insert(event).values(kind=EventKind.BATCH_CANCELLED, batch_id=batch_id))
    return running + queued


def cancel_job(database: Database, viewer: Viewer, job_id: UUID) -> bool:
    """Cancel the job; False if it had ended. Raises NotFound."""
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        return _cancel(connection, job.c.id == job_id) == 1


def pause_batch(database: Database, viewer: Viewer, batch_id: UUID) -> None:
    """Start none of the batch's jobs, and stop the running ones at their next step. Raises NotFound."""
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _touch(connection, batch_id, paused_at=func.coalesce(batch.c.paused_at, now()))
        _mark_queued(connection, batch_id)
        connection.execute(insert(event).values(kind=EventKind.BATCH_PAUSED, batch_id=batch_id))
    _mark_stragglers(database, batch_id)


def resume_batch(database: Database, viewer: Viewer, batch_id: UUID) -> None:
    """Let the batch's jobs run again, with turns behind those announced meanwhile. Raises NotFound."""
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _touch(connection, batch_id, paused_at=null())
        restart_at_clock(connection, _mark_queued(connection, batch_id))
        connection.execute(insert(event).values(kind=EventKind.BATCH_RESUMED, batch_id=batch_id))
    _mark_stragglers(database, batch_id)


def set_batch_deadline(
    database: Database, viewer: Viewer, batch_id: UUID, deadline_at: datetime | None
) -> int:
    """Set the deadline of every job that has not ended (None: no deadline); return how many. Raises NotFound."""
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _touch(connection, batch_id, name=batch.c.name)
        return _set_deadline(connection, job.c.batch_id == batch_id, deadline_at)


def set_job_deadline(database: Database, viewer: Viewer, job_id: UUID, deadline_at: datetime | None) -> bool:
    """Set the deadline of the job (None: no deadline). False if it has ended. Raises NotFound."""
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
        _touch(connection, batch_id, priority=priority)
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
) -> int:
    """Queue the batch's jobs that ended in one of `states` again; return how many. Raises NotFound.

    They continue after their last step. A deadline that has passed is removed. Raises LimitReached if the jobs exceed
    the largest quota among the keys of the batch's owner; StillRunning as `check_quota` does.
    """
    chosen = frozenset(states)
    if wrong := chosen.difference(REQUEUABLE):
        allowed = ", ".join(REQUEUABLE)
        raise InvalidField("states", f"'{min(wrong)}' cannot be queued again; these can: {allowed}")
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        _touch(connection, batch_id, name=batch.c.name)
        return _requeue(connection, batch_id, (job.c.batch_id == batch_id) & job.c.state.in_(chosen))


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


def _touch(connection: Connection, batch_id: UUID, **values: object) -> None:
    """Set columns of the batch, which also locks its row until the transaction ends."""
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
    open_jobs = lock_jobs(connection, which & job.c.state.in_(OPEN))
    connection.execute(update(job).where(one_of_ids(job.c.id, open_jobs)).values(deadline_at=deadline_at))
    return len(open_jobs)


def _requeue(connection: Connection, batch_id: UUID, which: ColumnElement[bool]) -> int:
    """The jobs count against the quota of the batch's owner, also when an administrator queues them."""
    ended = lock_jobs(connection, which)
    owner = connection.scalar(select(batch.c.owner).where(batch.c.id == batch_id))
    most = quota_of(connection, owner) if ended and owner is not None else None
    if owner is not None and most is not None:
        check_quota(connection, owner, len(ended), most=most)
    requeue_jobs(connection, ended)
    if ended:
        _reopen_results(connection, batch_id)
    return len(ended)


def _reopen_results(connection: Connection, batch_id: UUID) -> None:
    """The result files of the OpenAI batch that this batch belongs to, if any, no longer hold every result."""
    parent = select(batch.c.openai_batch_id).where(batch.c.id == batch_id).scalar_subquery()
    reopened = update(openai_batch).where(openai_batch.c.id == parent)
    connection.execute(reopened.values(num_completed=None, num_failed=None, num_expired=None))
