"""/v1/batches: create, list, get, cancel."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, field_validator, model_validator

from api.answers.tags import Tag
from api.deployment import Advancer, Store
from api.door.access import CONTROL, READ, SUBMIT, Caller, Viewer, caller_of
from api.ids import to_batch_id, to_cursor, to_file_id
from api.openai.files import LONGEST_LIFE_S, SHORTEST_LIFE_S
from api.openai.requests.endpoint import Spelling
from api.openai.schemas import BatchObject, Page, batch_object, page_of
from api.requests.idempotency import IdempotencyKey, answer_once
from specreason.errors import InvalidField, NotFound
from specreason.store.files.rows import hold_file
from specreason.store.openai.batches import (
    cancel_open_jobs,
    insert_openai_batch,
    list_openai_batches,
    mark_cancelling,
    read_openai_batch,
)
from specreason.store.openai.status import NewOpenAIBatch, OpenAIBatch
from specreason.store.session import Connection
from specreason.store.tables.states import FilePurpose
from specreason.submission.text import check_json
from specreason.validation import ClosedModel
from specreason.words import shown

router = APIRouter(prefix="/v1", tags=[Tag.OPENAI_BATCHES])

MOST_METADATA, LONGEST_METADATA_KEY, LONGEST_METADATA_VALUE = 16, 64, 512
WINDOW = re.compile(r"([1-9][0-9]{0,3})([mhd])")
SECONDS_OF = {"m": 60, "h": 3600, "d": 86_400}
LONGEST_WINDOW = timedelta(days=366)


class OutputExpiresAfter(ClosedModel):
    """How long the result files are kept, from the time they are written."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST_LIFE_S, le=LONGEST_LIFE_S)]


class CreateBatch(ClosedModel):
    """A batch of the requests in an uploaded file."""

    input_file_id: str
    endpoint: Spelling = Field(
        description="What every line is a request to; other spellings than /v1/… are Azure's."
    )
    completion_window: Annotated[str, Field(max_length=8)] = Field(
        description="24h as with OpenAI, or another time in minutes, hours or days, such as 30m or 7d."
    )
    metadata: dict[str, str] | None = None
    output_expires_after: OutputExpiresAfter | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_asks_for_nothing(cls, given: object) -> object:
        """`null` in a value of `metadata` leaves out the pair."""
        if not isinstance(given, dict):
            return given
        given = {key: value for key, value in given.items() if value is not None}
        if isinstance(metadata := given.get("metadata"), dict):
            given["metadata"] = {key: value for key, value in metadata.items() if value is not None}
        return given

    @field_validator("metadata", mode="before")
    @classmethod
    def _few(cls, metadata: object) -> object:
        """Check the number first, before pydantic visits each pair."""
        if isinstance(metadata, dict) and len(metadata) > MOST_METADATA:
            raise ValueError(f"has more than {MOST_METADATA} pairs")
        return metadata

    @field_validator("metadata")
    @classmethod
    def _within_limits(cls, metadata: dict[str, str] | None) -> dict[str, str] | None:
        for key, value in (metadata or {}).items():
            if len(key) > LONGEST_METADATA_KEY or len(value) > LONGEST_METADATA_VALUE:
                raise ValueError(
                    f"has a key of more than {LONGEST_METADATA_KEY} characters,"
                    f" or a value of more than {LONGEST_METADATA_VALUE}"
                )
        check_json(metadata)
        return metadata


@router.post("/batches", summary="Create an OpenAI batch", response_model=BatchObject, dependencies=[SUBMIT])
def create_batch(
    request: Request, advancer: Advancer, body: CreateBatch, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a batch. Its file is validated next; then the batch is `in_progress` or `failed`."""
    caller = caller_of(request)
    created: list[OpenAIBatch] = []

    def create(connection: Connection) -> BatchObject:
        created.append(insert_openai_batch(connection, _new_batch(connection, caller, body)))
        return batch_object(created[0])

    answer = answer_once(request, idempotency_key, body.model_dump(), create, status=200)
    for batch in created:
        advancer.advance_soon(batch)
    return answer


@router.get("/batches", summary="List OpenAI batches", dependencies=[READ])
def get_batches(
    store: Store,
    viewer: Viewer,
    advancer: Advancer,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page[BatchObject]:
    """A page of batches, newest first."""
    rows = list_openai_batches(store, viewer, after=to_cursor(after, to_batch_id), limit=limit + 1)
    return page_of([_show(advancer, row) for row in rows], limit)


@router.get("/batches/{batch_id}", summary="Get an OpenAI batch", dependencies=[READ])
def get_batch(store: Store, viewer: Viewer, advancer: Advancer, batch_id: str) -> BatchObject:
    """One batch: its status, its counts, and its result files once they are written."""
    return _show(advancer, read_openai_batch(store, viewer, to_batch_id(batch_id)))


@router.post("/batches/{batch_id}/cancel", summary="Cancel an OpenAI batch", dependencies=[CONTROL])
def cancel(store: Store, viewer: Viewer, advancer: Advancer, batch_id: str) -> BatchObject:
    """Cancel the requests that have not ended. Once the batch is `cancelled`, the other results are available."""
    batch = read_openai_batch(store, viewer, to_batch_id(batch_id))
    if batch.ended_at is None:
        mark_cancelling(store, viewer, batch.id)
    elif not batch.is_settled:
        # A user queued jobs again after the end. The batch keeps its status, so no transition cancels these jobs.
        cancel_open_jobs(store, viewer, batch.id)
    return _show(advancer, read_openai_batch(store, viewer, batch.id))


def _new_batch(connection: Connection, caller: Caller, body: CreateBatch) -> NewOpenAIBatch:
    try:
        file_id = to_file_id(body.input_file_id)
        input_file = hold_file(connection, caller.viewer, file_id)
    except NotFound as error:
        reason = f"there is no file {shown(body.input_file_id)}; POST /v1/files uploads one"
        raise InvalidField("input_file_id", reason) from error
    if input_file.purpose is not FilePurpose.BATCH:
        raise InvalidField("input_file_id", f"has the purpose '{input_file.purpose}', not 'batch'")
    lifetime = body.output_expires_after
    return NewOpenAIBatch(
        file_id=input_file.id,
        endpoint=body.endpoint,
        completion_window=body.completion_window,
        expires_at=datetime.now(UTC) + _window(body.completion_window),
        metadata=body.metadata or {},
        output_expires_after_s=lifetime.seconds if lifetime else None,
        owner=caller.owner,
        max_queued_jobs=caller.max_queued_jobs,
    )


def _show(advancer: Advancer, batch: OpenAIBatch) -> BatchObject:
    """The batch as an answer. Showing a batch also requests its next transition."""
    advancer.advance_soon(batch)
    return batch_object(batch)


def _window(text: str) -> timedelta:
    match = WINDOW.fullmatch(text)
    if match is None:
        raise InvalidField("completion_window", "must be a time such as 24h, 30m or 7d")
    window = timedelta(seconds=int(match[1]) * SECONDS_OF[match[2]])
    if window > LONGEST_WINDOW:
        raise InvalidField("completion_window", f"must be at most {LONGEST_WINDOW.days} days")
    return window
