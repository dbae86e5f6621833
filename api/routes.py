"""A submission comes in: batches and grids under /api. `/v1` is OpenAI's surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from uuid_utils.compat import uuid7

from api.access import SUBMIT
from api.announcing import announce_queued
from api.database import database_of
from api.grid import MOST_BATCHES, name_of
from api.idempotency import IdempotencyKey, answer_once
from api.submission import Asked, read_submission
from api.submission_fields import GRID_DOC, SUBMISSION_DOC, GridChoices, GridSubmission
from specreason.errors import InvalidField
from specreason.reasoning.schemes import stored_config
from specreason.store.batches import NewBatch, check_batches, write_batches
from specreason.store.session import Connection
from specreason.store.summaries import BatchSummary, batch_as_it_stands

router = APIRouter(prefix="/api")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOfBatches:
    """One batch for each combination; the metadata of each has the `grid_id`."""

    grid_id: UUID
    data: tuple[BatchSummary, ...]


@router.post(
    "/batches",
    status_code=201,
    response_model=BatchSummary,
    openapi_extra=SUBMISSION_DOC,
    dependencies=[SUBMIT],
)
async def submit_batch(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a batch and its jobs in one transaction, then announce them: what was answered 201 is never lost."""
    async with read_submission(request) as asked:
        return await run_in_threadpool(_submit, request, idempotency_key, asked)


@router.post(
    "/grids",
    status_code=201,
    response_model=GridOfBatches,
    openapi_extra=GRID_DOC,
    dependencies=[SUBMIT],
)
async def submit_grid(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a batch for each combination of the grid, all of them or none, over the same problems."""
    async with read_submission(request, grid=True) as asked:
        return await run_in_threadpool(_submit_grid, request, idempotency_key, asked)


def _submit(request: Request, key: str | None, asked: Asked) -> Response:
    config = stored_config(asked.choices.config, asked.choices.pair, asked.pair)
    return _store(request, key, asked, [asked.batch(config)], lambda stored: stored[0])


def _submit_grid(request: Request, key: str | None, asked: Asked) -> Response:
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
    return _store(
        request, key, asked, batches, lambda stored: GridOfBatches(grid_id=grid_id, data=tuple(stored))
    )


def _store(
    request: Request,
    key: str | None,
    asked: Asked,
    batches: Sequence[NewBatch],
    answer: Callable[[Sequence[BatchSummary]], object],
) -> Response:
    counts = check_batches(batches)

    def create(connection: Connection) -> object:
        batch_ids = write_batches(connection, batches, counts, upload=asked.upload)
        return answer([batch_as_it_stands(connection, batch_id) for batch_id in batch_ids])

    answered = answer_once(request, key, asked.body_hash, create)
    state = request.app.state
    announce_queued(database_of(request), state.publisher, state.settings, asked.choices.pair)
    return answered
