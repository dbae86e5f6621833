"""Writes one part of an export under a temporary name. It gets its own name once it is whole and on the disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from specreason.errors import InvalidField
from specreason.store.analysis.folders import Format, Part
from specreason.store.analysis.row_tables import Kind, Table

# Rows are gathered for so many bytes, which are one row group: large enough to compress and to skip well.
GROUP_BYTES = 32 << 20
UNFINISHED = ".part"


class Writer(Protocol):
    """Writes rows in one format."""

    def write(self, rows: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class PartFile:
    """A part while it is written. `num_bytes` are those of its rows in memory."""

    def __init__(self, path: Path, table: Table, schema: pa.Schema, format_: Format) -> None:
        """Raises InvalidField if the file cannot be made."""
        self._path = path
        self._unfinished = path.with_name(f".{path.name}{UNFINISHED}")
        with said_of(path):
            self._file = self._unfinished.open("wb")
        self._hashed = _Hashed(self._file)
        self._writer: Writer = (
            _Parquet(self._hashed, table, schema)
            if format_ is Format.PARQUET
            else _JsonLines(self._hashed, table)
        )
        self.num_rows = 0
        self.num_bytes = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Raises InvalidField if the disk does not take them."""
        with said_of(self._path):
            self._writer.write(rows)
        self.num_rows += rows.num_rows
        self.num_bytes += rows.nbytes

    def finish(self, last: str) -> Part:
        """Give the file its name; `last` names its last row. Raises InvalidField."""
        with said_of(self._path):
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._unfinished.replace(self._path)
        return Part(
            file=self._path.name,
            num_rows=self.num_rows,
            num_bytes=self._hashed.num_bytes,
            sha256=self._hashed.sha256.hexdigest(),
            last=last,
        )

    def abandon(self) -> None:
        """Remove what was written. Raises nothing: something else has gone wrong already."""
        self._hashed.discards = True
        with suppress(OSError, pa.ArrowException):
            self._writer.close()
        # This writes what is left, which a full disk refuses once more.
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._unfinished.unlink(missing_ok=True)


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """Raise InvalidField with the path for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise InvalidField(str(path), f"cannot be written ({error.strerror or error})") from error


class _Parquet:
    """Parquet with zstd, sorted by the table's key."""

    def __init__(self, file: _Hashed, table: Table, schema: pa.Schema) -> None:
        sorting = [pq.SortingColumn(schema.get_field_index(name)) for name in table.key]
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", sorting_columns=sorting)
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []

    def write(self, rows: pa.RecordBatch) -> None:
        self._waiting.append(rows)
        if sum(each.nbytes for each in self._waiting) >= GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        if self._waiting:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        group = pa.Table.from_batches(self._waiting, schema=self._schema)
        self._writer.write_table(group, row_group_size=group.num_rows)
        self._waiting.clear()


class _JsonLines:
    """An object for each row: JSON as it is, times in ISO 8601."""

    def __init__(self, file: _Hashed, table: Table) -> None:
        self._file = file
        self._json = [column.name for column in table.columns if column.kind is Kind.JSON]
        self._moments = [column.name for column in table.columns if column.kind is Kind.MOMENT]

    def write(self, rows: pa.RecordBatch) -> None:
        # In ASCII, because some readers would end a line at U+2028.
        self._file.write("".join(f"{json.dumps(self._value(row))}\n" for row in rows.to_pylist()).encode())

    def close(self) -> None:
        """Nothing is left to write."""

    def _value(self, row: dict[str, Any]) -> dict[str, Any]:
        for name in self._json:
            row[name] = None if row[name] is None else json.loads(row[name])
        for name in self._moments:
            row[name] = None if row[name] is None else row[name].isoformat()
        return row


class _Hashed(RawIOBase):
    """Hashes and counts the bytes that it passes on, until it `discards` them. Closing it leaves the file open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0
        self.discards = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.discards:
            return len(data)
        self._file.write(data)
        self.sha256.update(data)
        self.num_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        return self.num_bytes
