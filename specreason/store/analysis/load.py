"""Writes an exported batch into a database: all of its rows in one transaction, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from specreason.errors import Conflict, InputError, InvalidField, StoreUnavailable
from specreason.store.analysis.checked_folder import CheckedFolder, OnRows
from specreason.store.analysis.row_arrow import to_csv
from specreason.store.analysis.row_tables import Table
from specreason.store.analysis.rows import state_of
from specreason.store.queue.rollups import rebuild
from specreason.store.session import Connection, Database, one_line, single_statement, transaction
from specreason.submission.text import storable

# Rows in one message to Postgres, and about how many bytes of texts. Their CSV is in memory at once.
SLICE_ROWS = 20_000
SLICE_BYTES = 64 << 20
# Rows that another batch may have brought already. A worker of another database does not live here.
SHARED: Mapping[Table, Mapping[str, str]] = {
    Table.MODEL_PAIR: {},
    Table.WORKER: {"stopped_at": "coalesce(stopped_at, heartbeat_at)"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a folder. `is_new`: false if the database has the batch already, as it is in the folder."""

    batch_id: UUID
    batch_name: str
    num_rows: int
    is_new: bool


def load_batch(
    database: Database, folder: CheckedFolder, *, owner: str | None = None, on_rows: OnRows = lambda _: None
) -> Loaded:
    """Write the batch, for its owner of old or for `owner`. A file that it was submitted with stays behind.

    Raises Conflict if the database has the batch, but not as it is in the folder; InvalidField for rows that the
    tables refuse; StoreUnavailable. Nothing of the batch is written then; its workers and pairs may be.
    """
    manifest = folder.manifest
    with transaction(database) as connection:
        is_new = _is_new(connection, folder)
        if is_new:
            for table in SHARED:
                _write(connection, folder, table, owner, on_rows)
    # Another import, or a worker that starts, waits for rows of these tables until they are committed.
    with transaction(database) as connection:
        is_new = _is_new(connection, folder)
        if is_new:
            # Between two row groups of a large file nothing is sent for a while.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            for table in Table:
                if table not in SHARED:
                    _write(connection, folder, table, owner, on_rows)
            rebuild(connection, [manifest.batch_id])
            if state_of(connection, manifest.batch_id) != manifest.state:
                raise InvalidField(str(folder.folder), "has jobs that are not as its manifest says")
    if is_new:
        _analyze(database)
    return Loaded(
        batch_id=manifest.batch_id,
        batch_name=manifest.batch_name,
        num_rows=folder.num_rows,
        is_new=is_new,
    )


def _is_new(connection: Connection, folder: CheckedFolder) -> bool:
    """Whether the database lacks the batch. Raises Conflict if it has it otherwise than the folder."""
    batch_id, state = folder.manifest.batch_id, folder.manifest.state
    there = text("SELECT 1 FROM batch WHERE id = :batch")
    if connection.scalar(there, {"batch": batch_id}) is None:
        return True
    if state_of(connection, batch_id) != state:
        raise Conflict(
            f"{folder.folder}: the database has batch {batch_id} already, and its jobs are not as in this"
            " folder; nothing was changed"
        )
    return False


def _write(
    connection: Connection, folder: CheckedFolder, table: Table, owner: str | None, on_rows: OnRows
) -> None:
    target = f"loaded_{table}" if table in SHARED else table.source
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if table in SHARED:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {target} (LIKE {table.source}) ON COMMIT DROP")
    for path, rows in folder.row_groups(table):
        written = _of_this_database(connection, rows, owner) if table is Table.BATCH else rows
        with _refused(path):
            _copy(connection, f"COPY {target} ({names}) FROM STDIN (FORMAT csv)", table, written, on_rows)
    if table in SHARED:
        values = ", ".join(SHARED[table].get(column.name, f'"{column.name}"') for column in table.columns)
        with _refused(folder.folder):
            connection.exec_driver_sql(
                f"INSERT INTO {table.source} ({names}) SELECT {values} FROM {target} ON CONFLICT DO NOTHING"  # noqa: S608
            )
            connection.exec_driver_sql(f"DROP TABLE {target}")


def _copy(connection: Connection, sql: str, table: Table, rows: pa.Table, on_rows: OnRows) -> None:
    cursor = connection.connection.cursor()
    with cursor.copy(sql) as copy:
        for piece in _slices(rows):
            copy.write(to_csv(table, piece))
            on_rows(piece.num_rows)


def _slices(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows, halved until they are few enough."""
    if rows.num_rows > 1 and (rows.num_rows > SLICE_ROWS or _size_of_texts(rows) > SLICE_BYTES):
        half = rows.num_rows // 2
        yield from _slices(rows.slice(0, half))
        yield from _slices(rows.slice(half))
    else:
        yield rows


def _size_of_texts(rows: pa.Table) -> int:
    """The bytes of all texts, each counted as often as it comes."""
    chunks = (chunk for column in rows.columns for chunk in column.chunks)
    return sum(
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for chunk in chunks
        if pa.types.is_dictionary(chunk.type)
    )


def _of_this_database(connection: Connection, rows: pa.Table, owner: str | None) -> pa.Table:
    """The batch's row, without an uploaded file and an OpenAI batch that this database does not have."""
    (row,) = rows.to_pylist()
    for column, table in (("file_id", "file"), ("openai_batch_id", "openai_batch")):
        there = text(f"SELECT 1 FROM {table} WHERE id = CAST(:id AS uuid)")  # noqa: S608
        if row[column] is None or connection.scalar(there, {"id": row[column]}) is None:
            row[column] = None
    if owner is not None:
        row["owner"] = storable(owner)
    return pa.Table.from_pylist([row], schema=rows.schema)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Raise InvalidField with the file's name for rows that the tables refuse."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise InputError(f"database: this user may not write the tables: {one_line(error)}") from error
        if isinstance(cause, psycopg.IntegrityError | psycopg.DataError):
            raise InvalidField(
                str(path), f"has a row that the database refuses: {one_line(error)}"
            ) from error
        raise


def _analyze(database: Database) -> None:
    """Tell the planner about the new rows: it would take the tables for empty until autovacuum comes by."""
    # The rows are there in any case; a lock may be held for long.
    with suppress(StoreUnavailable), single_statement(database) as connection:
        connection.exec_driver_sql(f"ANALYZE step_rollup, {', '.join(table.source for table in Table)}")
