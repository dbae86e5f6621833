"""The native endpoints under /api. `/v1` is left to OpenAI's surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from uuid_utils.compat import uuid7

from api.announcing import announce_queued
from api.database import database_of
from api.grid import MOST_BATCHES, name_of
from api.publisher import Publisher
from api.submission import Asked, read_submission
from api.submission_fields import GRID_DOC, SUBMISSION_DOC, GridChoices, GridSubmission
from specreason import __version__
from specreason.errors import InvalidField
from specreason.reasoning.schemes import stored_config
from specreason.settings import Settings
from specreason.store.batches import NewBatch, insert_batches
from specreason.store.session import ping
from specreason.store.steps import StepRow, read_step_rows
from specreason.store.summaries import (
    BatchSummary,
    JobSummary,
    WorkerSummary,
    list_batches,
    list_workers,
    read_batch,
    read_job,
    read_jobs,
)

router = APIRouter(prefix="/api")

Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOfBatches:
    """One batch for each combination; the metadata of each has the `grid_id`."""

    grid_id: UUID
    data: tuple[BatchSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """Batches, newest first. `next` is the `before` of the page that follows, None on the last one."""

    data: tuple[BatchSummary, ...]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A batch's jobs in the order submitted. `next` is the `after` of the page that follows."""

    data: tuple[JobSummary, ...]
    next: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPage:
    """A job's steps in order. `next` is the `after` of the page that follows."""

    data: tuple[StepRow, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerList:
    """Workers, newest first."""

    data: tuple[WorkerSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What this deployment is."""

    status: str
    version: str
    pairs: tuple[str, ...]


@router.post("/batches", status_code=201, openapi_extra=SUBMISSION_DOC)
async def submit_batch(request: Request) -> BatchSummary:
    """Store a batch and its jobs in one transaction, then announce them: what was answered 201 is never lost."""
    async with read_submission(request) as asked:
        return await run_in_threadpool(_submit, request, asked)


@router.post("/grids", status_code=201, openapi_extra=GRID_DOC)
async def submit_grid(request: Request) -> GridOfBatches:
    """Store a batch for each combination of the grid, all of them or none, over the same problems."""
    async with read_submission(request, grid=True) as asked:
        return await run_in_threadpool(_submit_grid, request, asked)


@router.get("/batches")
def get_batches(request: Request, before: UUID | None = None, limit: Limit = 50) -> BatchPage:
    """A page of batches, newest first."""
    rows = list_batches(database_of(request), before=before, limit=limit)
    return BatchPage(data=rows, next=rows[-1].batch_id if len(rows) == limit else None)


@router.get("/batches/{batch_id}")
def get_batch(request: Request, batch_id: UUID) -> BatchSummary:
    """One batch: counts per state, which sum to `num_jobs`, and what is known of its results so far."""
    return read_batch(database_of(request), batch_id)


@router.get("/batches/{batch_id}/jobs")
def get_jobs(request: Request, batch_id: UUID, after: UUID | None = None, limit: Limit = 100) -> JobPage:
    """A page of a batch's jobs."""
    rows = read_jobs(database_of(request), batch_id, after=after, limit=limit)
    return JobPage(data=rows, next=rows[-1].job_id if len(rows) == limit else None)


@router.get("/jobs/{job_id}")
def get_job(request: Request, job_id: UUID) -> JobSummary:
    """One job."""
    return read_job(database_of(request), job_id)


@router.get("/jobs/{job_id}/steps")
def get_steps(
    request: Request, job_id: UUID, after: Annotated[int, Query(ge=-1, lt=2**31)] = -1, limit: Limit = 100
) -> StepPage:
    """A page of a job's steps: texts, scores, decisions, tokens and timings."""
    rows = read_step_rows(database_of(request), job_id, after=after, limit=limit)
    return StepPage(data=rows, next=rows[-1].index if len(rows) == limit else None)


@router.get("/workers")
def get_workers(request: Request, limit: Limit = 100) -> WorkerList:
    """Workers, newest first: who they are, whether their lease counts, and how many of their slots are in use."""
    return WorkerList(data=list_workers(database_of(request), limit=limit))


@router.get("/health")
def get_health(request: Request) -> Health:
    """200 if the API and its database answer, else 503."""
    ping(database_of(request))
    return Health(status="ok", version=__version__, pairs=tuple(request.app.state.pairs))


def _submit(request: Request, asked: Asked) -> BatchSummary:
    config = stored_config(asked.choices.config, asked.choices.pair, asked.pair)
    (batch,) = _store(request, asked, [asked.batch(config)])
    return batch


def _submit_grid(request: Request, asked: Asked) -> GridOfBatches:
    choices = asked.choices
    assert isinstance(choices, GridChoices | GridSubmission)
    found = {
        stored_config(each, choices.pair, asked.pair): None for each in choices.grid.configs(choices.config)
    }
    configs = tuple(found)
    if len(configs) > MOST_BATCHES:
        raise InvalidField("grid", f"has {len(configs)} combinations; at most {MOST_BATCHES} are allowed")
    grid_id: UUID = uuid7()
    metadata = {**choices.metadata, "grid_id": str(grid_id)}
    batches = [asked.batch(each, name=name_of(choices.name, each), metadata=metadata) for each in configs]
    return GridOfBatches(grid_id=grid_id, data=_store(request, asked, batches))


def _store(request: Request, asked: Asked, batches: list[NewBatch]) -> tuple[BatchSummary, ...]:
    database, settings = database_of(request), _settings(request)
    publisher: Publisher = request.app.state.publisher
    batch_ids = insert_batches(database, batches, upload=asked.upload)
    announce_queued(database, publisher, settings, asked.choices.pair)
    return tuple(read_batch(database, batch_id) for batch_id in batch_ids)


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
