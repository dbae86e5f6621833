"""/v1/files: upload, list, get, read the content, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from api.answers.tags import Tag
from api.deployment import Folder, Store
from api.door.access import CONTROL, READ, SUBMIT, Viewer, caller_of
from api.ids import file_name, to_cursor, to_file_id
from api.openai.schemas import FileDeleted, FileObject, Page, file_object, page_of
from api.requests.idempotency import IdempotencyKey, answer_once, answered_before
from api.requests.uploads import Form, read_form
from specreason.errors import InvalidField
from specreason.store.files.folder import chunks
from specreason.store.files.rows import NewFile, delete_file, insert_file, list_files, read_file
from specreason.store.tables.states import FilePurpose

router = APIRouter(prefix="/v1", tags=[Tag.OPENAI_FILES])

FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]")
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3600, 30 * 86_400

# The request body of `upload_file` for the OpenAPI document; FastAPI itself sees only a raw request.
UPLOAD_DOC: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": ["batch"]},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {
                            "type": "integer",
                            "minimum": SHORTEST_LIFE_S,
                            "maximum": LONGEST_LIFE_S,
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/files",
    summary="Upload a file",
    response_model=FileObject,
    openapi_extra=UPLOAD_DOC,
    dependencies=[SUBMIT],
)
async def upload_file(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Store a file. Its lines are validated when a batch uses it."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidField("Content-Type", "must be multipart/form-data")
    async with read_form(request, FIELDS) as form:
        return await run_in_threadpool(_keep, request, idempotency_key, form)


@router.get("/files", summary="List files", dependencies=[READ])
def get_files(
    store: Store,
    viewer: Viewer,
    *,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    purpose: FilePurpose | None = None,
) -> Page[FileObject]:
    """A page of files, newest first unless `order` says otherwise."""
    rows = list_files(
        store,
        viewer,
        purpose=purpose,
        after=to_cursor(after, to_file_id),
        oldest_first=order == "asc",
        limit=limit + 1,
    )
    return page_of([file_object(row) for row in rows], limit)


@router.get("/files/{file_id}", summary="Get a file", dependencies=[READ])
def get_file(store: Store, viewer: Viewer, file_id: str) -> FileObject:
    """One file: its name, size and purpose."""
    return file_object(read_file(store, viewer, to_file_id(file_id)))


@router.get(
    "/files/{file_id}/content",
    summary="Get the content of a file",
    response_class=StreamingResponse,
    dependencies=[READ],
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def get_content(store: Store, viewer: Viewer, folder: Folder, file_id: str) -> StreamingResponse:
    """The bytes of a file."""
    row = read_file(store, viewer, to_file_id(file_id))
    content = folder.open(row.id)
    headers = {"Content-Length": str(row.num_bytes), "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(chunks(content), media_type="application/octet-stream", headers=headers)


@router.delete("/files/{file_id}", summary="Delete a file", dependencies=[CONTROL], responses={409: {}})
def remove_file(store: Store, viewer: Viewer, folder: Folder, file_id: str) -> FileDeleted:
    """Delete a file; 409 while a batch that uses it is validated. Later, a batch no longer needs its file."""
    parsed_id = to_file_id(file_id)
    delete_file(store, viewer, parsed_id)
    folder.remove(parsed_id)
    return FileDeleted(id=file_name(parsed_id))


def _keep(request: Request, key: str | None, form: Form) -> Response:
    purpose = form.fields.get("purpose")
    if purpose != FilePurpose.BATCH:
        raise InvalidField("purpose", f"must be '{FilePurpose.BATCH}'")
    expires_at = _expiry(form.fields)
    if form.file is None:
        raise InvalidField("file", "is required")
    filename = form.file.filename or "batch.jsonl"
    meaning = [sorted(form.fields.items()), filename, form.file.content.sha256]
    if (earlier := answered_before(request, key, meaning)) is not None:
        return earlier
    new = NewFile(
        content=form.file.content.keep(form.cleanup),
        filename=filename,
        owner=caller_of(request).owner,
        expires_at=expires_at,
    )
    return answer_once(
        request,
        key,
        meaning,
        lambda connection: file_object(insert_file(connection, new)),
        status=200,
        cleanup=form.cleanup,
    )


def _expiry(fields: dict[str, str]) -> datetime | None:
    anchor, digits = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and digits is None:
        return None
    if anchor != "created_at":
        raise InvalidField("expires_after[anchor]", "must be 'created_at'")
    if digits is None or not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise InvalidField("expires_after[seconds]", "must be a whole number")
    if not SHORTEST_LIFE_S <= int(digits) <= LONGEST_LIFE_S:
        raise InvalidField("expires_after[seconds]", f"must be from {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}")
    return datetime.now(UTC) + timedelta(seconds=int(digits))
