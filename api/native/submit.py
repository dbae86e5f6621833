"""A submission comes in: batches and grids under /api. `/v1` is OpenAI's surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from uuid_utils.compat import uuid7

from api.answers.idempotency import IdempotencyKey, answer_once, answered_before
from api.deployment import deployment_of
from api.door.access import SUBMIT
from api.native.bodies import GRID_DOC, SUBMISSION_DOC, GridChoices, GridSubmission
from api.native.submission import Asked, Sent, read_submission
from specreason.errors import InvalidField
from specreason.reasoning.schemes import stored_config
from specreason.store.queue.batches import NewBatch, check_batches, write_batches
from specreason.store.read.summaries import BatchSummary, batch_as_it_stands
from specreason.store.session import Connection
from specreason.submission.grid import MOST_BATCHES, name_of

router = APIRouter(prefix="/api")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOfBatches:
    """One batch for each combination; the metadata of each has the `grid_id`."""

    grid_id: UUID
    data: tuple[BatchSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The batches that a submission becomes, and what is answered once they are stored."""

    batches: Sequence[NewBatch]
    answer: Callable[[Sequence[BatchSummary]], object]


@router.post(
    "/batches",
    status_code=201,
    response_model=BatchSummary,
    openapi_extra=SUBMISSION_DOC,
    dependencies=[SUBMIT],
)
async def submit_batch(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a batch and its jobs in one transaction, then announce them: what was answered 201 is never lost."""
    async with read_submission(request) as sent:
        return await run_in_threadpool(_submit, request, idempotency_key, sent, _plan_batch)


@router.post(
    "/grids",
    status_code=201,
    response_model=GridOfBatches,
    openapi_extra=GRID_DOC,
    dependencies=[SUBMIT],
)
async def submit_grid(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a batch for each combination of the grid, all of them or none, over the same problems."""
    async with read_submission(request, grid=True) as sent:
        return await run_in_threadpool(_submit, request, idempotency_key, sent, _plan_grid)


def _plan_batch(asked: Asked) -> Plan:
    config = stored_config(asked.choices.config, asked.choices.pair, asked.pair)
    return Plan(batches=[asked.batch(config)], answer=lambda stored: stored[0])


def _plan_grid(asked: Asked) -> Plan:
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
    return Plan(batches=batches, answer=lambda stored: GridOfBatches(grid_id=grid_id, data=tuple(stored)))


def _submit(request: Request, key: str | None, sent: Sent, plan_of: Callable[[Asked], Plan]) -> Response:
    if (earlier := answered_before(request, key, sent.body_hash)) is not None:
        return earlier
    asked = sent.read()
    plan = plan_of(asked)
    counts = check_batches(plan.batches)
    deployment = deployment_of(request)
    _check_size(plan.batches, counts, most=deployment.settings.max_jobs)

    def create(connection: Connection) -> object:
        batch_ids = write_batches(connection, plan.batches, counts, upload=asked.upload)
        return plan.answer([batch_as_it_stands(connection, batch_id) for batch_id in batch_ids])

    answered = answer_once(request, key, sent.body_hash, create)
    deployment.doorbell.announce_submitted(
        deployment.database, asked.choices.pair, publish_window=deployment.settings.publish_window
    )
    return answered


def _check_size(batches: Sequence[NewBatch], counts: Sequence[int], *, most: int) -> None:
    num_jobs = sum(count * new.config.repeats for new, count in zip(batches, counts, strict=True))
    if num_jobs > most:
        raise InvalidField(
            "config.repeats" if len(batches) == 1 else "grid",
            f"problems × repeats × combinations are {num_jobs} jobs; a submission has at most {most}",
        )
