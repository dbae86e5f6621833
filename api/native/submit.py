"""Submissions under /api: receive, parse, check the problems, store, answer, announce the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.background import BackgroundTask
from uuid_utils.compat import uuid7

from api.answers.extended import extended
from api.answers.tags import Tag
from api.deployment import deployment_of
from api.door.access import SUBMIT, Caller, caller_of
from api.native.bodies import BATCH, GRID, Shape
from api.native.dataset import SkippedRow
from api.native.parse import Submission, parse
from api.native.receive import Received, receive
from api.requests.idempotency import IdempotencyKey, answer_once, answered_before
from specreason.errors import InvalidField
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.problems import CheckedProblems, check
from specreason.store.read.summaries import BatchSummary, batch_as_it_stands
from specreason.store.session import Connection
from specreason.submission.grid import name_of
from specreason.submission.options import GridOptions
from specreason.submission.remarks import remarks
from specreason.words import counted

router = APIRouter(prefix="/api")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedBatch(BatchSummary):
    """A new batch. `remarks` are sentences on its problems and its configuration that are valid and perhaps not meant.

    With `skip_invalid`, `skipped` is the number of problems that were left out, and `errors` are the first of them.
    """

    remarks: tuple[str, ...]
    skipped: int
    errors: tuple[SkippedRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOfBatches:
    """One batch per combination. The metadata of each batch contains the `grid_id`.

    `remarks`, `skipped` and `errors` are those of a submitted batch; some remarks are on combinations that act alike.
    """

    grid_id: UUID
    data: tuple[BatchSummary, ...]
    remarks: tuple[str, ...]
    skipped: int
    errors: tuple[SkippedRow, ...]


@router.post(
    "/batches",
    tags=[Tag.SUBMISSIONS],
    summary="Submit a batch",
    status_code=201,
    response_model=SubmittedBatch,
    openapi_extra=BATCH.documentation(),
    dependencies=[SUBMIT],
)
async def submit_batch(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a batch and its jobs in one transaction, then announce them. A batch answered with 201 is never lost."""
    async with receive(request, BATCH.form_fields) as received:
        return await run_in_threadpool(submit_received, request, idempotency_key, BATCH, received)


@router.post(
    "/grids",
    tags=[Tag.SUBMISSIONS],
    summary="Submit a grid of batches",
    status_code=201,
    response_model=GridOfBatches,
    openapi_extra=GRID.documentation(),
    dependencies=[SUBMIT],
)
async def submit_grid(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store one batch per combination of the grid over the same problems: all batches or none."""
    async with receive(request, GRID.form_fields) as received:
        return await run_in_threadpool(submit_received, request, idempotency_key, GRID, received)


def submit_received(request: Request, key: str | None, shape: Shape, received: Received) -> Response:
    """Turn a received submission into an answer. A batch takes the same way as a grid, as a grid of one."""
    if (earlier := answered_before(request, key, received.content)) is not None:
        return earlier
    deployment, caller = deployment_of(request), caller_of(request)
    submission = parse(received.body, shape, deployment, caller)
    problems = check(submission.problems)
    grid_id = uuid7() if isinstance(submission.options, GridOptions) else None
    batches = _batches(submission, problems, caller, grid_id)
    _check_size(batches, most=deployment.settings.max_jobs)
    answer = answer_once(
        request,
        key,
        received.content,
        lambda connection: _store(connection, batches, submission, grid_id),
        cleanup=received.cleanup,
    )
    answer.background = BackgroundTask(
        deployment.doorbell.announce_submitted,
        deployment.database,
        submission.options.pair,
        publish_window=deployment.settings.publish_window,
    )
    return answer


def _batches(
    submission: Submission, problems: CheckedProblems, caller: Caller, grid_id: UUID | None
) -> list[NewBatch]:
    """One batch per configuration."""
    options, configs = submission.options, submission.configs
    seconds = options.deadline_s
    batch = NewBatch(
        name=options.name,
        pair=options.pair,
        config=configs[0],
        problems=problems,
        priority=options.priority,
        deadline_at=None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds),
        metadata=options.metadata,
        owner=caller.owner,
        max_queued_jobs=caller.max_queued_jobs,
        file_id=submission.file_id,
    )
    if grid_id is None:
        return [batch]
    metadata = {**options.metadata, "grid_id": str(grid_id)}
    return [
        replace(batch, name=name_of(options.name, config), config=config, metadata=metadata)
        for config in configs
    ]


def _check_size(batches: Sequence[NewBatch], *, most: int) -> None:
    num_jobs = sum(batch.num_jobs for batch in batches)
    if num_jobs > most:
        raise InvalidField(
            "config.repeats" if len(batches) == 1 else "grid",
            f"problems × repeats × combinations make {counted(num_jobs, 'job')}; a submission has at most {most:,}",
        )


def _store(
    connection: Connection, batches: Sequence[NewBatch], submission: Submission, grid_id: UUID | None
) -> SubmittedBatch | GridOfBatches:
    batch_ids = write_batches(connection, batches, upload=submission.upload)
    summaries = tuple(batch_as_it_stands(connection, batch_id) for batch_id in batch_ids)
    # Of the configurations as the user gave them: the stored ones have every threshold filled in.
    problems = submission.problems
    told = (*problems.remarks, *remarks(submission.options.configurations()))
    skipped, errors = problems.num_skipped, tuple(problems.skipped)
    if grid_id is not None:
        return GridOfBatches(grid_id=grid_id, data=summaries, remarks=told, skipped=skipped, errors=errors)
    return extended(SubmittedBatch, summaries[0], remarks=told, skipped=skipped, errors=errors)
