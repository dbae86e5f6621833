"""Events of a batch or a job as server-sent events, replayed from Postgres after any id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Query, Request
from pydantic import TypeAdapter
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.answers.tags import Tag
from api.deployment import Store, deployment_of
from api.door.access import READ, Viewer, caller_of
from api.requests.admission import is_still_admitted
from api.requests.counted import EVENTS
from api.streams import KEEPALIVE_S
from specreason.errors import StoreUnavailable
from specreason.store.read.events import (
    EventRow,
    HighWaterMark,
    Subject,
    last_event_id,
    read_events,
    require_subject,
)
from specreason.store.read.summaries import BatchSummary, JobSummary, read_batch, read_job
from specreason.store.session import Database

router = APIRouter(prefix="/api", dependencies=[READ])

POLL_S = 0.5
SEND_S = 30.0  # a client that reads nothing for longer is disconnected
LEAVE_S = 2.0  # grace for open streams when the process ends
PAGE = 500
NEWLINE = "\n"

EventId = Annotated[
    int, Query(ge=0, lt=2**63, description="The id of the last event that the client has seen.")
]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, lt=2**63)]
EVENT, BATCH, JOB = TypeAdapter(EventRow), TypeAdapter(BatchSummary), TypeAdapter(JobSummary)
# One event, for the OpenAPI document.
MESSAGE = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Each event has an `id`, its kind as `event`, and the change as JSON in `data`. After every job"
        " has ended, a last event `end` follows; it has no id, and its data is the summary.",
        "content": {"text/event-stream": {"schema": MESSAGE}},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """One read of the event log. `is_over`: all jobs have ended, and no event follows these."""

    events: tuple[EventRow, ...]
    is_over: bool


@router.get(
    "/batches/{batch_id}/events",
    tags=[Tag.EVENTS],
    summary="Follow a batch",
    response_class=EventSourceResponse,
    responses=STREAM,
    dependencies=[EVENTS],
)
async def get_batch_events(
    request: Request,
    store: Store,
    viewer: Viewer,
    batch_id: UUID,
    *,
    after: EventId = 0,
    last_seen: LastEventId = None,
) -> EventSourceResponse:
    """Events of the batch and its jobs, from the first one or after the last one seen."""

    def summary() -> bytes:
        return BATCH.dump_json(read_batch(store, viewer, batch_id))

    subject = Subject(batch_id=batch_id)
    await run_in_threadpool(require_subject, store, viewer, subject)
    return _stream(request, subject, last_seen or after, summary)


@router.get(
    "/jobs/{job_id}/events",
    tags=[Tag.EVENTS],
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses=STREAM,
    dependencies=[EVENTS],
)
async def get_job_events(
    request: Request,
    store: Store,
    viewer: Viewer,
    job_id: UUID,
    *,
    after: EventId = 0,
    last_seen: LastEventId = None,
) -> EventSourceResponse:
    """Events of the job, from the first one or after the last one seen."""

    def summary() -> bytes:
        return JOB.dump_json(read_job(store, viewer, job_id))

    subject = Subject(job_id=job_id)
    await run_in_threadpool(require_subject, store, viewer, subject)
    return _stream(request, subject, last_seen or after, summary)


def _stream(
    request: Request, subject: Subject, after: int, summary: Callable[[], bytes]
) -> EventSourceResponse:
    leaving = anyio.Event()
    return EventSourceResponse(
        _events(request, leaving, subject, after, summary),
        ping=KEEPALIVE_S,
        send_timeout=SEND_S,
        sep=NEWLINE,
        shutdown_event=leaving,
        shutdown_grace_period=LEAVE_S,
    )


async def _events(
    request: Request, leaving: anyio.Event, subject: Subject, after: int, summary: Callable[[], bytes]
) -> AsyncIterator[ServerSentEvent]:
    """Send events until the end. A waiting stream holds no connection and survives an outage of Postgres."""
    deployment = deployment_of(request)
    database, high_water_mark = deployment.database, deployment.streams.high_water_mark
    viewer = caller_of(request).viewer
    while not leaving.is_set():
        try:
            if not await run_in_threadpool(is_still_admitted, request):
                return
            page = await run_in_threadpool(_poll, database, viewer, high_water_mark, subject, after)
            for event in page.events:
                yield _message(event.kind, EVENT.dump_json(event), event_id=event.id)
                after = event.id
            if page.is_over:
                yield _message("end", await run_in_threadpool(summary))
                return
            pause_s = POLL_S if len(page.events) < PAGE else 0
        except StoreUnavailable:
            pause_s = POLL_S
        with anyio.move_on_after(pause_s):
            await leaving.wait()


def _message(kind: str, data: bytes, *, event_id: int | None = None) -> ServerSentEvent:
    name = None if event_id is None else str(event_id)
    return ServerSentEvent(data.decode(), event=kind, id=name, sep=NEWLINE)


def _poll(
    database: Database, viewer: Viewer, high_water_mark: HighWaterMark, subject: Subject, after: int
) -> EventPage:
    last_id = last_event_id(database, viewer, subject)
    up_to = high_water_mark.latest()
    events = read_events(database, viewer, subject, after=after, up_to=up_to, limit=PAGE)
    return EventPage(events=events, is_over=last_id is not None and last_id <= up_to and len(events) < PAGE)
