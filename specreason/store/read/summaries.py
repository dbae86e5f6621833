"""Reads batches and jobs from the views `batch_summary` and `job_summary`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, cast, select

from specreason.reasoning.steps import StopReason
from specreason.store.access.visibility import Viewer, no_batch, require_batch, require_job
from specreason.store.read.batch_pages import ids_of_page
from specreason.store.read.filters import JobFilter
from specreason.store.read.pages import Page, first_page, total_bytes
from specreason.store.session import Connection, Database, single_statement, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.queue import batch, job, problem
from specreason.store.tables.states import JobState
from specreason.store.tables.views import view_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """One row of `batch_summary`, with its columns as fields; `\\d+ batch_summary` explains each."""

    batch_id: UUID
    name: str
    pair: str
    scheme: str
    config: Mapping[str, Any]
    config_hash: str
    metadata: Mapping[str, Any]
    priority: int
    file_id: UUID | None
    num_problems: int
    num_jobs: int
    num_queued: int
    num_running: int
    num_succeeded: int
    num_failed: int
    num_cancelled: int
    num_expired: int
    num_dead: int
    stop_reasons: Mapping[str, int]
    num_graded: int
    num_ungraded: int
    num_correct: int
    num_given_up: int
    num_regrading: int
    pass_at_1: float | None
    num_timed: int
    mean_latency_s: float | None
    mean_concurrency: float | None
    mean_engine_s: float | None
    mean_store_s: float | None
    mean_own_s: float | None
    mean_admission_s: float | None
    num_steps: int
    num_drafted: int
    num_accepted: int
    step_acceptance: float | None
    kept_tokens: int
    spent_tokens: int
    inserted_tokens: int
    engine_s: float
    device_s: float | None
    drafter_device_s: float | None
    base_device_s: float | None
    prefill_s: float | None
    num_devices: float | None
    num_metered: int
    created_at: datetime
    paused_at: datetime | None
    cancelled_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """One row of `job_summary`, with its columns as fields; `\\d+ job_summary` explains each."""

    job_id: UUID
    batch_id: UUID
    batch_name: str
    pair: str
    scheme: str
    problem_index: int
    problem_id: str | None
    problem: str
    messages: tuple[Mapping[str, str], ...] | None
    gold: str | None
    repeat: int
    seed: int
    priority: int
    state: JobState
    stop_reason: StopReason | None
    error: str | None
    answer: str | None
    is_correct: bool | None
    graded_by: str | None
    grade_detail: str | None
    given_up: bool | None
    graded_at: datetime | None
    num_steps: int
    num_drafted: int
    num_accepted: int
    step_acceptance: float | None
    think_tokens: int
    answer_tokens: int
    kept_tokens: int
    spent_tokens: int
    wasted_tokens: int
    inserted_tokens: int
    latency_s: float | None
    engine_s: float
    store_s: float | None
    own_s: float | None
    admission_s: float | None
    device_s: float | None
    drafter_device_s: float | None
    base_device_s: float | None
    prefill_s: float | None
    num_devices: int | None
    resumed: bool
    num_attempts: int
    num_errors: int
    num_lost: int
    concurrency: int | None
    mean_concurrency: float | None
    pair_fingerprint: str | None
    worker_id: UUID | None
    deadline_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


batch_summary = view_of("batch_summary", BatchSummary)
job_summary = view_of("job_summary", JobSummary)


def read_batch(database: Database, viewer: Viewer, batch_id: UUID) -> BatchSummary:
    """Raises NotFound."""
    visible = select(batch_summary).join(batch, batch.c.id == batch_summary.c.batch_id)
    query = visible.where(batch_summary.c.batch_id == batch_id, viewer.sees(batch.c.owner))
    with single_statement(database) as connection:  # one round trip: clients that wait for a batch ask often
        row = connection.execute(query).one_or_none()
    if row is None:
        raise no_batch(batch_id)
    return _to_batch(row)


def batch_as_it_stands(connection: Connection, batch_id: UUID) -> BatchSummary:
    """The summary of a batch that exists, as the caller's transaction sees it."""
    return _to_batch(
        connection.execute(select(batch_summary).where(batch_summary.c.batch_id == batch_id)).one()
    )


def list_batches(
    database: Database,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    limit: int = 50,
    is_open: bool | None = None,
    name: str | None = None,
    ref: str | None = None,
    eval_name: str | None = None,
) -> tuple[BatchSummary, ...]:
    """A page of batches, newest first, as `ids_of_page` says."""
    page = ids_of_page(
        viewer, before=before, limit=limit, is_open=is_open, name=name, ref=ref, eval_name=eval_name
    )
    with transaction(database) as connection:
        ids = connection.scalars(page).all()  # before the summaries, so that only these are summed up
        return _summaries(connection, ids)


def read_batches(database: Database, viewer: Viewer, batch_ids: Collection[UUID]) -> tuple[BatchSummary, ...]:
    """Those of these batches that the viewer sees, newest first."""
    seen = select(batch.c.id).where(one_of_ids(batch.c.id, batch_ids), viewer.sees(batch.c.owner))
    with transaction(database) as connection:
        return _summaries(connection, connection.scalars(seen).all())


def _summaries(connection: Connection, ids: Collection[UUID]) -> tuple[BatchSummary, ...]:
    rows = connection.execute(select(batch_summary).where(one_of_ids(batch_summary.c.batch_id, ids))).all()
    return tuple(sorted(map(_to_batch, rows), key=lambda summary: summary.batch_id, reverse=True))


def read_job(database: Database, viewer: Viewer, job_id: UUID) -> JobSummary:
    """Raises NotFound."""
    with transaction(database) as connection:
        require_job(connection, viewer, job_id)
        return _to_job(connection.execute(select(job_summary).where(job_summary.c.job_id == job_id)).one())


def read_jobs(
    database: Database,
    viewer: Viewer,
    batch_id: UUID,
    *,
    after: UUID | None = None,
    limit: int = 100,
    which: JobFilter | None = None,
) -> Page[JobSummary]:
    """A page of a batch's jobs, in the order of submission: at most `limit`, after the job `after`.

    Raises NotFound.
    """
    texts = (problem.c.text, cast(problem.c.messages, Text), problem.c.answer, job.c.error, job.c.answer)
    sized = (
        select(job.c.id, total_bytes(texts))
        .join(problem, problem.c.id == job.c.problem_id)
        .where(job.c.batch_id == batch_id)
        .order_by(job.c.id)
        .limit(limit + 1)
    )
    if after is not None:
        sized = sized.where(job.c.id > after)
    if which is not None:
        sized = sized.where(*which.conditions())
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        page: Page[UUID] = first_page(connection.execute(sized), limit)
        rows = connection.execute(
            select(job_summary).where(one_of_ids(job_summary.c.job_id, page.rows))
        ).all()
    jobs = sorted(map(_to_job, rows), key=lambda summary: summary.job_id)
    return Page(rows=tuple(jobs), has_more=page.has_more)


def _to_batch(row: Row[Any]) -> BatchSummary:
    return BatchSummary(**row._mapping)


def _to_job(row: Row[Any]) -> JobSummary:
    values = dict(row._mapping)
    values["state"] = JobState(row.state)
    values["stop_reason"] = StopReason(row.stop_reason) if row.stop_reason is not None else None
    values["messages"] = None if row.messages is None else tuple(row.messages)
    return JobSummary(**values)
