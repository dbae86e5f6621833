"""/v1/chat/completions: one request becomes a job of high priority, and the answer waits for it or is streamed.

The job is queued, stored, graded and traced like any other; if this process dies, it runs on. It is cancelled when
the client goes away, unless the request has an Idempotency-Key: the same request again then finds it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.answers.errors import openai_error
from api.answers.tags import Tag
from api.deployment import deployment_of
from api.door.access import SUBMIT, caller_of
from api.openai.live.asked import Asked, read_asked, schema
from api.openai.live.failure import failure_of
from api.openai.live.streamed import streamed
from api.openai.live.waiting import Ticket, has_ended
from api.openai.output import completion_of
from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import LineInvalid
from api.requests.admission import is_still_admitted
from api.requests.idempotency import IdempotencyKey, answer_once, answered_before
from specreason.errors import NoWorker
from specreason.store.queue.batches import NewBatch, write_batches
from specreason.store.queue.problems import check
from specreason.store.queue.workers import live_slots
from specreason.store.read.results import ended_jobs_by_problem
from specreason.store.tables.states import JobState
from specreason.submission.text import storable

router = APIRouter()

NAME = "chat"
# The largest that there is: a person or a program waits for the answer.
PRIORITY = 100
COMPLETION = {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices", "usage", "specreason"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "object"}},
        "usage": {"type": "object"},
        "specreason": {"type": "object", "description": "The ids and counts of each repeat."},
    },
}
# One event of a stream: a chunk as JSON, or [DONE].
MESSAGE = {"type": "object", "required": ["data"], "properties": {"data": {"type": "string"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The completion; with `stream`, its chunks as server-sent events, the thinking step by step.",
        "content": {
            "application/json": {"schema": COMPLETION},
            "text/event-stream": {"schema": MESSAGE},
        },
    },
    **{status: {} for status in (404, 409, 500, 504)},
}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema()}}}}


async def _ticket(request: Request) -> AsyncIterator[Ticket]:
    """Count the request until its answer ends; then abandon its batch, if the answer did not come to its end."""
    deployment = deployment_of(request)
    owner = caller_of(request).owner
    deployment.waiting.open_one(owner)
    ticket = Ticket(time.monotonic() + deployment.settings.chat_s)
    try:
        yield ticket
    finally:
        deployment.waiting.close_one(owner)
        if ticket.batch_id is not None and not ticket.is_over and not ticket.may_return:
            deployment.watch.abandon(ticket.batch_id)


OneTicket = Annotated[Ticket, Depends(_ticket)]


@router.post(
    "/v1/chat/completions",
    tags=[Tag.OPENAI_CHAT],
    summary="Create a chat completion",
    response_model=None,
    responses=ANSWERS,
    openapi_extra=BODY,
    dependencies=[SUBMIT],
)
async def create_chat_completion(
    request: Request, ticket: OneTicket, idempotency_key: IdempotencyKey = None
) -> Response:
    """Run one request of a batch file at once. It is cancelled when the client goes away."""
    return await _answer(request, ticket, idempotency_key)


@router.post("/chat/completions", include_in_schema=False, dependencies=[SUBMIT])
@router.post("/openai/v1/chat/completions", include_in_schema=False, dependencies=[SUBMIT])
async def other_spellings(
    request: Request, ticket: OneTicket, idempotency_key: IdempotencyKey = None
) -> Response:
    """The same, for clients whose base URL is another one."""
    return await _answer(request, ticket, idempotency_key)


@router.post("/openai/deployments/{model}/chat/completions", include_in_schema=False, dependencies=[SUBMIT])
async def azures_spelling(
    request: Request, ticket: OneTicket, model: str, idempotency_key: IdempotencyKey = None
) -> Response:
    """The same for Azure's clients, which name the model in the path."""
    return await _answer(request, ticket, idempotency_key, model)


async def _answer(request: Request, ticket: Ticket, key: str | None, model: str | None = None) -> Response:
    content = await request.body()
    deployment, viewer = deployment_of(request), caller_of(request).viewer
    try:
        submitted = await run_in_threadpool(_submit, request, ticket, content, key, model)
    except LineInvalid as refused:
        status = 404 if refused.code == "model_not_found" else 400
        param = None if refused.param is None else storable(refused.param)
        error = openai_error(status, storable(refused.message), param=param, code=refused.code)
        return JSONResponse(error, status)
    follow = partial(
        deployment.watch.follow,
        submitted.batch_id,
        until=ticket.until,
        is_admitted=partial(is_still_admitted, request),
    )
    if submitted.asked.is_streamed:
        return streamed(request, ticket, submitted.asked, follow)
    with follow() as followed:
        if not await has_ended(request, followed):
            return Response(status_code=499)  # nobody reads it
        jobs = await followed.read(
            lambda: list(ended_jobs_by_problem(deployment.database, viewer, submitted.batch_id))
        )
    ticket.is_over = True
    if any(job.state is JobState.SUCCEEDED for job in jobs):
        return JSONResponse(completion_of(jobs), headers=_headers(submitted.batch_id))
    status, error = failure_of(jobs)
    # The client would send the request again: it would get another job, which has no better chances.
    headers = _headers(submitted.batch_id) | {"X-Should-Retry": "false"}
    return JSONResponse(error, status, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A request whose batch is stored."""

    asked: Asked
    batch_id: UUID


def _submit(
    request: Request, ticket: Ticket, content: bytes, key: str | None, model: str | None
) -> Submitted:
    """Store the batch and announce its jobs, or find the one that was stored under this key. Blocks.

    Raises LineInvalid for a wrong request, NoWorker if its job would wait for a worker to come.
    """
    deployment = deployment_of(request)
    database, settings = deployment.database, deployment.settings
    asked = read_asked(content, deployment.pairs, model=model, max_jobs=settings.max_jobs)
    meaning = hashlib.sha256(content).hexdigest()
    ticket.may_return = key is not None
    answer = answered_before(request, key, meaning)
    if answer is None:
        if asked.pair not in live_slots(database):
            raise NoWorker(
                f"no worker serves the pair '{asked.pair}' now: start one with `specreason worker --pair"
                f" {asked.pair}`, or send the request in a batch, which waits for one"
            )
        batch = _new_batch(request, asked)
        answer = answer_once(
            request, key, meaning, lambda connection: write_batches(connection, [batch]), status=200
        )
        _remember(ticket, answer)
        deployment.doorbell.announce_submitted(database, asked.pair, publish_window=settings.publish_window)
    return Submitted(asked=asked, batch_id=_remember(ticket, answer))


def _remember(ticket: Ticket, answer: Response) -> UUID:
    """The batch of a stored answer. The ticket has it at once, whatever becomes of this request's thread."""
    (batch_id,) = json.loads(bytes(answer.body))
    ticket.batch_id = UUID(batch_id)
    return ticket.batch_id


def _new_batch(request: Request, asked: Asked) -> NewBatch:
    caller, chat_s = caller_of(request), deployment_of(request).settings.chat_s
    return NewBatch(
        name=NAME,
        pair=asked.pair,
        config=asked.config,
        problems=check([replace(asked.line.problem, problem_id=None)]),
        priority=PRIORITY,
        deadline_at=datetime.now(UTC) + timedelta(seconds=chat_s),
        metadata={"endpoint": Endpoint.CHAT},
        owner=caller.owner,
        max_queued_jobs=caller.max_queued_jobs,
    )


def _headers(batch_id: UUID) -> dict[str, str]:
    return {"X-Request-Id": f"req_{batch_id.hex}"}
