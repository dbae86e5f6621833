"""Reads under /api: batches, jobs, steps, attempts, workers and health. `results.py` serves the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.answers.pages import Page
from api.answers.tags import Tag
from api.deployment import Pairs, Store
from api.door.access import READ, Viewer
from api.requests.job_filters import WhichJobs
from specreason import __version__
from specreason.store.read.attempts import AttemptRow, read_attempts
from specreason.store.read.queues import Queues, read_queues
from specreason.store.read.summaries import (
    BatchSummary,
    JobSummary,
    list_batches,
    read_batch,
    read_job,
    read_jobs,
)
from specreason.store.read.workers import WorkerSummary, list_workers
from specreason.store.session import ping
from specreason.store.trace.steps import StepRow, read_step_rows

router = APIRouter(prefix="/api")

Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerList:
    """Workers: live ones first, then the newest of the others."""

    data: tuple[WorkerSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state, version and pairs of this deployment."""

    status: str
    version: str
    pairs: tuple[str, ...]


@router.get("/batches", tags=[Tag.BATCHES], summary="List batches", dependencies=[READ])
def get_batches(
    store: Store,
    viewer: Viewer,
    *,
    before: UUID | None = None,
    limit: Limit = 50,
    is_open: Annotated[
        bool | None,
        Query(alias="open", description="true: batches with jobs that have not ended; false: the others."),
    ] = None,
    name: Annotated[str | None, Query(max_length=200, description="A part of the name.")] = None,
    ref: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=300,
            description="The whole name, or a beginning or end of the id: four hex digits at least.",
        ),
    ] = None,
    eval_name: Annotated[
        str | None,
        Query(
            alias="eval",
            max_length=200,
            description="The evaluation that the batches' metadata name in `eval`.",
        ),
    ] = None,
) -> Page[BatchSummary, UUID]:
    """A page of batches, newest first."""
    rows = list_batches(
        store, viewer, before=before, limit=limit, is_open=is_open, name=name, ref=ref, eval_name=eval_name
    )
    return Page(data=rows, next=rows[-1].batch_id if len(rows) == limit else None)


@router.get("/batches/{batch_id}", tags=[Tag.BATCHES], summary="Get a batch", dependencies=[READ])
def get_batch(store: Store, viewer: Viewer, batch_id: UUID) -> BatchSummary:
    """One batch: the jobs in each state, which sum to `num_jobs`, and the results so far."""
    return read_batch(store, viewer, batch_id)


@router.get(
    "/batches/{batch_id}/jobs", tags=[Tag.JOBS], summary="List the jobs of a batch", dependencies=[READ]
)
def get_jobs(
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    after: UUID | None = None,
    limit: Limit = 100,
    which: WhichJobs,
) -> Page[JobSummary, UUID]:
    """A page of a batch's jobs, in the order of submission. Ranges have ended jobs only, and both of their ends."""
    page = read_jobs(store, viewer, batch_id, after=after, limit=limit, which=which)
    return Page(data=page.rows, next=page.rows[-1].job_id if page.has_more else None)


@router.get("/jobs/{job_id}", tags=[Tag.JOBS], summary="Get a job", dependencies=[READ])
def get_job(store: Store, viewer: Viewer, job_id: UUID) -> JobSummary:
    """One job."""
    return read_job(store, viewer, job_id)


@router.get("/jobs/{job_id}/steps", tags=[Tag.JOBS], summary="List the steps of a job", dependencies=[READ])
def get_steps(
    store: Store,
    viewer: Viewer,
    job_id: UUID,
    after: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
    limit: Limit = 100,
) -> Page[StepRow, int]:
    """A page of a job's steps, in order: texts, scores, decisions, tokens and timings."""
    page = read_step_rows(store, viewer, job_id, after=after, limit=limit)
    return Page(data=page.rows, next=page.rows[-1].index if page.has_more else None)


@router.get(
    "/jobs/{job_id}/attempts", tags=[Tag.JOBS], summary="List the attempts at a job", dependencies=[READ]
)
def get_attempts(
    store: Store,
    viewer: Viewer,
    job_id: UUID,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Limit = 100,
) -> Page[AttemptRow, int]:
    """A page of a job's attempts, in order: the worker, the first step, and the outcome of each."""
    rows = read_attempts(store, viewer, job_id, after=after, limit=limit)
    return Page(data=rows, next=rows[-1].number if len(rows) == limit else None)


@router.get("/workers", tags=[Tag.DEPLOYMENT], summary="List workers", dependencies=[READ])
def get_workers(store: Store, limit: Limit = 100) -> WorkerList:
    """Workers, live ones first, then the newest: each with its lease and its slots in use."""
    return WorkerList(data=list_workers(store, limit=limit))


@router.get("/queues", tags=[Tag.DEPLOYMENT], summary="Get the queues", dependencies=[READ])
def get_queues(store: Store) -> Queues:
    """What waits and runs for each pair, of all owners together, and what waits for the grader."""
    return read_queues(store)


@router.get("/health", tags=[Tag.DEPLOYMENT], summary="Check the health of the API")
def get_health(store: Store, pairs: Pairs) -> Health:
    """200 if the API and its database work, else 503."""
    ping(store)
    return Health(status="ok", version=__version__, pairs=tuple(pairs))
