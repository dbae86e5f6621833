"""The rows of a batch's tables as a stream of Arrow record batches."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.answers.tags import Tag
from api.deployment import Store
from api.door.access import READ, Viewer
from api.requests.counted import EXPORT
from specreason.store.analysis.row_tables import Table

router = APIRouter(prefix="/api")

ARROW_STREAM = "application/vnd.apache.arrow.stream"


class Compression(StrEnum):
    """How the buffers of the record batches are compressed."""

    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"


@router.get(
    "/batches/{batch_id}/rows/{table}",
    tags=[Tag.RESULTS],
    summary="Get the rows of a batch",
    response_class=StreamingResponse,
    dependencies=[READ, EXPORT],
    responses={200: {"content": {ARROW_STREAM: {}}}},
)
def get_rows(
    store: Store,
    viewer: Viewer,
    *,
    batch_id: UUID,
    table: Table,
    after: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="Begin behind this row: the values of the table's key, such as JOB/INDEX of a step.",
        ),
    ] = None,
    compression: Annotated[
        Compression, Query(description="Compress the buffers; every Arrow library reads either form.")
    ] = Compression.NONE,
) -> StreamingResponse:
    """Every column of one table, in the order of its key, in Arrow's IPC stream format.

    The last record batch has no rows; its metadata `specreason.num_rows` says how many there were. A stream that lacks
    it has broken off. `specreason.last`, the metadata of the others, is the `after` that goes on behind them.
    """
    # Loads pyarrow, which an API does not need before.
    from specreason.store.analysis.rows import ipc_chunks, read_rows

    stream = read_rows(store, viewer, batch_id, table, after)
    chunks = ipc_chunks(stream, None if compression is Compression.NONE else compression.value)
    return StreamingResponse(chunks, media_type=ARROW_STREAM)
