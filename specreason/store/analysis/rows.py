"""The rows of one batch as a stream of Arrow record batches, in the order of the table's key.

Each page is a transaction of its own, so that a slow reader keeps none open, and has at most PAGE_ROWS rows and about
PAGE_BYTES, so that a batch of any size needs bounded memory. A row that is written behind the reader's position is not
in the stream. The stream ends with a record batch of no rows that says how many there were: one without it is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import text

from specreason import __version__
from specreason.store.access.visibility import Viewer, no_batch, require_batch
from specreason.store.analysis.row_arrow import from_csv, no_rows, schema_of, sql_of
from specreason.store.analysis.row_places import Place, place_of, written
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Kind, Table
from specreason.store.session import Connection, Database, transaction

PAGE_ROWS = 20_000
PAGE_BYTES = 8 << 20
# Rows of a job's tables are looked for in so many jobs at a time.
JOBS = 500
FIRST_JOB = UUID(int=0)
# The rows that belong to a batch, in each table whose rows name no job.
WORKERS = """
    SELECT worker_id FROM job WHERE batch_id = %(batch)s
    UNION SELECT attempt.worker_id FROM attempt JOIN job ON job.id = attempt.job_id WHERE job.batch_id = %(batch)s
"""
PAIRS = f"""
    SELECT pair_fingerprint FROM job WHERE batch_id = %(batch)s
    UNION SELECT pair_fingerprint FROM worker WHERE id IN ({WORKERS})
"""  # noqa: S608 -- a constant
OF_BATCH = {
    Table.BATCH: "id = %(batch)s",
    Table.PROBLEM: "batch_id = %(batch)s",
    Table.JOB: "batch_id = %(batch)s",
    Table.WORKER: f"id IN ({WORKERS})",
    Table.MODEL_PAIR: f"fingerprint IN ({PAIRS})",
}
# Changes with every claim, end and grade of a job of the batch.
STATE = text(
    """
    SELECT md5(concat_ws('|', count(*), count(finished_at), sum(fence), count(graded_at),
                         max(extract(epoch FROM finished_at)), max(extract(epoch FROM graded_at))))
    FROM job WHERE batch_id = :batch
    """
)
# Changes with every reward: these come when all jobs have ended, too, and so are no part of the state.
REWARDS = text(
    """
    SELECT concat_ws(' until ', count(*), max(reward.created_at AT TIME ZONE 'UTC'))
    FROM step_reward AS reward JOIN job ON job.id = reward.job_id WHERE job.batch_id = :batch
    """
)


# Rows as COPY writes them, and the place of the last one.
Csv = tuple[bytearray, Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Rows in order, and where the last one stands: `after` it the next page begins."""

    rows: pa.RecordBatch
    last: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStream:
    """The rows of a table. `schema` has the facts about the batch as metadata."""

    table: Table
    schema: pa.Schema
    pages: Iterator[RowPage]


def read_rows(
    database: Database, viewer: Viewer, batch_id: UUID, table: Table, after: str | None = None
) -> RowStream:
    """The rows behind the row `after`, or all.

    Raises NotFound, and InvalidField for another `after` than the table has. While the pages are read: NotFound if the
    batch is deleted meanwhile, StoreUnavailable.
    """
    with transaction(database) as connection:
        require_batch(connection, viewer, batch_id)
        facts = _facts(connection, batch_id, table)
    place = None if after is None else place_of(table, after)
    schema = schema_of(table).with_metadata(facts)
    return RowStream(table=table, schema=schema, pages=_pages(database, batch_id, table, place, schema))


def state_of(connection: Connection, batch_id: UUID) -> str:
    """A digest of how far the batch's jobs are. It is another one after any claim, end or grade."""
    return str(connection.scalar(STATE, {"batch": batch_id}))


def ipc_chunks(stream: RowStream, compression: str | None = None) -> Iterator[bytes]:
    """The stream in Arrow's IPC format, in chunks of a page each. `compression` of its buffers: "zstd" or "lz4"."""
    sink = BytesIO()
    num_rows = 0
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, stream.schema, options=options) as writer:
        for page in stream.pages:
            writer.write_batch(page.rows, custom_metadata={"specreason.last": written(page.last)})
            num_rows += page.rows.num_rows
            yield _emptied(sink)
        writer.write_batch(
            no_rows(stream.table, stream.schema), custom_metadata={"specreason.num_rows": str(num_rows)}
        )
    yield _emptied(sink)


def _emptied(sink: BytesIO) -> bytes:
    written_so_far = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return written_so_far


def _facts(connection: Connection, batch_id: UUID, table: Table) -> dict[str, str]:
    """What a stream or file says about itself."""
    name, config = connection.execute(
        text("SELECT name, config::text FROM batch WHERE id = :batch"), {"batch": batch_id}
    ).one()
    facts = {
        "specreason.schema_version": str(SCHEMA_VERSION),
        "specreason.version": __version__,
        "specreason.table": table.value,
        "specreason.batch_id": str(batch_id),
        "specreason.batch_name": name,
        "specreason.config": config,
        "specreason.state": state_of(connection, batch_id),
    }
    if table is Table.BATCH:
        facts["specreason.rewards"] = str(connection.scalar(REWARDS, {"batch": batch_id}))
    return facts


def _pages(
    database: Database, batch_id: UUID, table: Table, place: Place | None, schema: pa.Schema
) -> Iterator[RowPage]:
    for data, last in _ahead(_csv_pages(database, batch_id, table, place)):
        yield RowPage(rows=from_csv(table, data, schema), last=last)


def _ahead(pages: Iterator[Csv]) -> Iterator[Csv]:
    """The same pages, the next of which is read in a thread of its own while the caller works on the present one."""
    reader = ThreadPoolExecutor(1, thread_name_prefix="rows")
    try:
        following = reader.submit(next, pages, None)
        while (page := following.result()) is not None:
            following = reader.submit(next, pages, None)
            yield page
    finally:
        # Where the reader breaks off, an event loop may close this: it must not wait for the page that is being read.
        reader.shutdown(wait=False, cancel_futures=True)


def _csv_pages(database: Database, batch_id: UUID, table: Table, place: Place | None) -> Iterator[Csv]:
    """Each page as COPY writes it."""
    if not table.is_of_jobs:
        while page := _page(database, table, OF_BATCH[table], {"batch": batch_id}, place):
            yield page
            _, place = page
        return
    first = FIRST_JOB if place is None else place[0]
    while jobs := _jobs(database, batch_id, first):
        bound = {"batch": batch_id, "jobs": jobs}
        while page := _page(database, table, "job_id = ANY(%(jobs)s)", bound, place):
            yield page
            _, place = page
        first = UUID(int=jobs[-1].int + 1)


def _jobs(database: Database, batch_id: UUID, first: Any) -> list[UUID]:
    """The next jobs of the batch, from the id `first` on. Raises NotFound."""
    query = text("SELECT id FROM job WHERE batch_id = :batch AND id >= :first ORDER BY id LIMIT :limit")
    with transaction(database) as connection:
        ids = list(connection.scalars(query, {"batch": batch_id, "first": first, "limit": JOBS}))
        _check_there(connection, batch_id)
    return ids


def _page(
    database: Database, table: Table, of_batch: str, bound: dict[str, Any], place: Place | None
) -> Csv | None:
    """The rows behind `place`; None if there are none. Raises NotFound."""
    key = ", ".join(f'"{name}"' for name in table.key)
    behind = f"{of_batch} AND ({key}) > ({_bound('after', table)})" if place is not None else of_batch
    columns = ", ".join(map(sql_of, table.columns))
    last_of_page = f"""
        WITH candidate AS (
            SELECT {key}, {_size_of(table)} AS num_bytes FROM {table.source} WHERE {behind}
            ORDER BY {key} LIMIT {PAGE_ROWS}
        ), sized AS (
            SELECT {key}, sum(num_bytes) OVER (ORDER BY {key}) - num_bytes AS before FROM candidate
        )
        SELECT {key} FROM sized WHERE before < {PAGE_BYTES}
        ORDER BY {", ".join(f'"{name}" DESC' for name in table.key)} LIMIT 1
    """  # noqa: S608 -- names and numbers of this module
    page = f"""
        COPY (
            SELECT {columns} FROM {table.source} WHERE {behind} AND ({key}) <= ({_bound("last", table)}) ORDER BY {key}
        ) TO STDOUT (FORMAT csv)
    """  # noqa: S608
    data = bytearray()
    bound = bound | _values("after", place or ())
    with transaction(database) as connection:
        cursor = connection.connection.cursor()
        last = cursor.execute(last_of_page, bound).fetchone()
        if last is not None:
            with cursor.copy(page, bound | _values("last", last)) as copy:
                for row in copy:
                    data += row
        # After the rows: those of a batch that is deleted from now on have been read.
        _check_there(connection, bound["batch"])
    return None if last is None else (data, last)


def _check_there(connection: Connection, batch_id: UUID) -> None:
    """Raise NotFound if the batch is deleted: what was read may be a part of it."""
    if connection.scalar(text("SELECT 1 FROM batch WHERE id = :batch"), {"batch": batch_id}) is None:
        raise no_batch(batch_id)


def _bound(name: str, table: Table) -> str:
    return ", ".join(f"%({name}{number})s" for number in range(len(table.key)))


def _values(name: str, place: Place) -> dict[str, Any]:
    return {f"{name}{number}": value for number, value in enumerate(place)}


def _size_of(table: Table) -> str:
    """About how many bytes of CSV a row has. A text is not read for it."""
    sizes = [str(10 * len(table.columns))]
    for column in table.columns:
        if column.kind is Kind.TEXT:
            sizes.append(f'coalesce(octet_length("{column.name}"), 0)')
        elif column.kind is Kind.JSON:
            sizes.append(f'coalesce(octet_length("{column.name}"::text), 0)')
        elif column.kind is Kind.TOKEN_IDS:
            sizes.append(f'6 * coalesce(cardinality("{column.name}"), 0)')
    return " + ".join(sizes)
