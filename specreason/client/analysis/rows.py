"""Reads the rows of a batch's tables, which the API sends as Arrow. It loads pyarrow when rows are first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import httpx2

from specreason.client.transport import Backoff, Transport
from specreason.errors import LimitReached, Unreachable

if TYPE_CHECKING:
    import pyarrow as pa

LAST, NUM_ROWS = b"specreason.last", b"specreason.num_rows"
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Rows of a table in order. `last` names the last one: `after` it the next page begins. The last page is empty.

    The schema of `rows` has the facts about the batch as metadata.
    """

    rows: pa.RecordBatch
    last: str | None


def read_rows(
    transport: Transport, batch_id: UUID, table: str, after: str | None = None
) -> Iterator[RowPage]:
    """The rows behind the row `after`. A broken connection is made again, behind the last page that came.

    Raises Unreachable or LimitReached once the server has been away or full for the transport's patience.
    """
    backoff = Backoff(transport.patience_s)
    while True:
        asked_s: float | None = None
        broken: Unreachable | LimitReached
        try:
            for page in _pages(transport, batch_id, table, after):
                yield page
                if page.last is None:
                    return
                backoff.reset()
                after = page.last
            broken = Unreachable(f"API at {transport.base_url}: ended a stream of rows too early")
        except LimitReached as error:
            broken, asked_s = error, error.retry_after_s or None
        except Unreachable as error:
            broken = error
        if not backoff.pause(asked_s):
            raise broken


def read_frame(transport: Transport, batch_id: UUID, table: str) -> pa.Table:
    """All rows as one table, in memory. Raises as `read_rows` does."""
    import pyarrow as pa

    pages = [page.rows for page in read_rows(transport, batch_id, table)]
    whole = [rows for rows in pages if rows.num_rows]
    return pa.Table.from_batches(whole or pages, schema=pages[-1].schema)


def _pages(transport: Transport, batch_id: UUID, table: str, after: str | None) -> Iterator[RowPage]:
    """The pages of one answer. It ends without the empty page where the server ended it too early."""
    import pyarrow as pa

    query = urlencode({"compression": "zstd"} | ({} if after is None else {"after": after}))
    with transport.stream(f"/api/batches/{batch_id}/rows/{table}?{query}") as response:
        body = BufferedReader(_Body(response), BUFFER_BYTES)
        num_rows = 0
        try:
            reader = pa.ipc.open_stream(pa.PythonFile(body, mode="r"))
            while True:
                rows, said = reader.read_next_batch_with_custom_metadata()
                said = said or {}
                num_rows += rows.num_rows
                if said.get(NUM_ROWS) == str(num_rows).encode():
                    yield RowPage(rows=rows, last=None)
                    return
                yield RowPage(rows=rows, last=said[LAST].decode())
        except StopIteration:
            return
        except (pa.ArrowException, OSError, KeyError) as error:
            raise Unreachable("API: sent rows that are no whole stream of Arrow") from error


class _Body(RawIOBase):
    """The bytes of an answer, as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self._chunks = response.iter_bytes()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
