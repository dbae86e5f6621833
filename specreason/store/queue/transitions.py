"""The state changes of jobs, of one or many: end, give back to the queue, queue again after the end.

Each change closes the open attempt and writes its event in the caller's transaction. Rows are locked first, in the
order of their ids. A later statement sums the totals, and so sees every step that a writer committed while the lock
was awaited.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Subquery,
    case,
    extract,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.sql.functions import now

from specreason.engines.base import Role
from specreason.reasoning.steps import Decision, Phase, StopReason
from specreason.store.queue.fairness import restart_at_clock
from specreason.store.queue.rollups import add_steps, subtract_steps
from specreason.store.session import Connection
from specreason.store.tables.columns import DEVICE_SECONDS, one_of_ids
from specreason.store.tables.queue import attempt, batch, event, job
from specreason.store.tables.states import AttemptOutcome, EventKind, JobState
from specreason.store.tables.trace import step
from specreason.submission.text import storable

TOTALS = (
    "num_steps",
    "num_drafted",
    "num_accepted",
    "num_thinking",
    "num_by_drafter",
    "drafter_tokens",
    "think_tokens",
    "answer_tokens",
    "spent_tokens",
    "inserted_tokens",
    "engine_s",
    *DEVICE_SECONDS,
)
OF_THE_END = (
    "finished_at",
    "stop_reason",
    "error",
    "answer",
    "latency_s",
    "store_s",
    "mean_concurrency",
    "graded_at",
    "published_at",
)


def lock_jobs(connection: Connection, which: ColumnElement[bool]) -> tuple[UUID, ...]:
    """Lock the matching jobs until the transaction ends; return their ids."""
    matching = select(job.c.id).where(which).order_by(job.c.id).with_for_update()
    return tuple(connection.scalars(matching))


def end_jobs(
    connection: Connection,
    job_ids: Sequence[UUID],
    *,
    state: JobState,
    outcome: AttemptOutcome,
    stop_reason: StopReason | None = None,
    answer: str | None = None,
    error: str | None = None,
    store_s: float | None = None,
    mean_concurrency: float | None = None,
) -> None:
    """Move locked jobs to an end state, and store the totals of their steps and those of their batches.

    Nothing that may wait for a lock may follow in the transaction (`rollups`). `store_s` and `mean_concurrency` are
    those of the columns; only the worker of a job knows them.
    """
    if not job_ids:
        return
    these = one_of_ids(job.c.id, job_ids)
    _record(connection, these, EventKind.JOB_ENDED, state, outcome)
    _close_attempts(connection, these, outcome, error)
    totals = totals_of(job_ids)
    last_claim = (
        select(attempt.c.started_at)
        .where(attempt.c.job_id == job.c.id, attempt.c.number == job.c.num_attempts)
        .scalar_subquery()
    )
    connection.execute(
        update(job)
        .where(job.c.id == totals.c.id)
        .values(
            state=state,
            paused=False,
            finished_at=now(),
            stop_reason=stop_reason,
            answer=storable(answer) if answer is not None else None,
            error=storable(error) if error is not None else None,
            latency_s=case((job.c.state == JobState.RUNNING, extract("epoch", now() - last_claim))),
            store_s=store_s,
            mean_concurrency=mean_concurrency,
            **{name: totals.c[name] for name in TOTALS},
        )
    )
    add_steps(connection, job_ids)


def give_back_jobs(
    connection: Connection,
    job_ids: Sequence[UUID],
    *,
    outcome: AttemptOutcome,
    error: str | None = None,
    delay_s: float = 0.0,
) -> None:
    """Give locked, running jobs back to the queue, due after `delay_s`, with the turns they had."""
    if not job_ids:
        return
    these = one_of_ids(job.c.id, job_ids)
    _record(connection, these, EventKind.JOB_REQUEUED, JobState.QUEUED, outcome)
    _close_attempts(connection, these, outcome, error)
    run_after = now() + timedelta(seconds=delay_s)
    connection.execute(
        update(job)
        .where(these)
        .values(state=JobState.QUEUED, run_after=run_after, published_at=None, paused=_batch_is_paused())
    )


def requeue_jobs(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Queue locked, ended jobs again, with turns from the clock on. Their steps stay; their errors are forgotten.

    Nothing that may wait for a lock may follow in the transaction (`rollups`).
    """
    if not job_ids:
        return
    these = one_of_ids(job.c.id, job_ids)
    _record(connection, these, EventKind.JOB_REQUEUED, JobState.QUEUED, None)
    summed = connection.scalars(select(job.c.id).where(these, job.c.num_thinking.is_not(None))).all()
    unknown: dict[str, object] = dict.fromkeys((*OF_THE_END, *TOTALS))
    connection.execute(
        update(job)
        .where(these)
        .values(
            state=JobState.QUEUED,
            run_after=now(),
            paused=_batch_is_paused(),
            alone=False,
            num_errors=0,
            num_lost=0,
            deadline_at=case((job.c.deadline_at > now(), job.c.deadline_at)),
            **unknown,
        )
    )
    restart_at_clock(connection, job_ids)
    subtract_steps(connection, summed)


def _batch_is_paused() -> ScalarSelect[bool]:
    return select(batch.c.paused_at.is_not(None)).where(batch.c.id == job.c.batch_id).scalar_subquery()


def _record(
    connection: Connection,
    which: ColumnElement[bool],
    kind: EventKind,
    state: JobState,
    outcome: AttemptOutcome | None,
) -> None:
    """Write the events of a change before it is made. A job without a running attempt has no outcome."""
    running = case((job.c.state == JobState.RUNNING, outcome.value if outcome else null()))
    worker_id = case((job.c.state == JobState.RUNNING, job.c.worker_id))
    rows = select(job.c.batch_id, job.c.id, worker_id, literal(kind.value), literal(state.value), running)
    names = ["batch_id", "job_id", "worker_id", "kind", "state", "outcome"]
    connection.execute(insert(event).from_select(names, rows.where(which)))


def _close_attempts(
    connection: Connection, which: ColumnElement[bool], outcome: AttemptOutcome, error: str | None
) -> None:
    connection.execute(
        update(attempt)
        .where(attempt.c.job_id == job.c.id, attempt.c.number == job.c.num_attempts, which)
        .where(attempt.c.ended_at.is_(None))
        .values(ended_at=now(), outcome=outcome, error=storable(error) if error is not None else None)
    )


def totals_of(job_ids: Sequence[UUID]) -> Subquery:
    """One row per job with the sums over its steps; zeros for a job without steps.

    A step counts once, however often its job was claimed. The device time of a job is NULL if that of a step is.
    """
    drafted = [decision for decision in Decision if decision.drafted]
    calls = (step.c.draft_latency_s - step.c.draft_ahead_s, step.c.verify_latency_s, step.c.written_latency_s)
    thinking = (step.c.phase == Phase.THINK) & step.c.author.is_not(None)
    by_drafter = step.c.author == Role.DRAFTER
    in_engines = sum((func.coalesce(latency_s, 0.0) for latency_s in calls), start=literal(0.0))

    def tokens(phase: Phase) -> ColumnElement[int]:
        return func.coalesce(func.sum(step.c.kept_tokens).filter(step.c.phase == phase), 0)

    def device_s(name: str) -> ColumnElement[float]:
        is_known = func.count(step.c[name]) == func.count(step.c.index)
        return case((is_known, func.coalesce(func.sum(step.c[name]), 0.0))).label(name)

    return (
        select(
            job.c.id,
            func.count(step.c.index).label("num_steps"),
            func.count().filter(step.c.decision.in_(drafted)).label("num_drafted"),
            func.count().filter(step.c.decision == Decision.ACCEPTED).label("num_accepted"),
            func.count().filter(thinking).label("num_thinking"),
            func.count().filter(thinking, by_drafter).label("num_by_drafter"),
            func.coalesce(func.sum(step.c.kept_tokens).filter(by_drafter), 0).label("drafter_tokens"),
            tokens(Phase.THINK).label("think_tokens"),
            tokens(Phase.ANSWER).label("answer_tokens"),
            func.coalesce(func.sum(step.c.spent_tokens), 0).label("spent_tokens"),
            func.coalesce(func.sum(step.c.inserted_tokens), 0).label("inserted_tokens"),
            func.coalesce(func.sum(in_engines), 0.0).label("engine_s"),
            *map(device_s, DEVICE_SECONDS),
        )
        .select_from(job.outerjoin(step, step.c.job_id == job.c.id))
        .where(one_of_ids(job.c.id, job_ids))
        .group_by(job.c.id)
        .subquery("totals")
    )
