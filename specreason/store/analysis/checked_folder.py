"""Checks an exported folder before a row of it is written: every file, its schema, and whose rows it has.

A folder may come from anywhere. What is wrong with it raises InvalidField with the file's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from specreason.config import SchemeName
from specreason.errors import InvalidField
from specreason.store.analysis.folders import (
    MANIFEST,
    Format,
    Part,
    read_manifest,
    what_is_broken,
)
from specreason.store.analysis.row_arrow import schema_of
from specreason.store.analysis.row_tables import Table
from specreason.store.tables.states import JobState

# Without texts and token ids a batch still has every figure.
NEEDED = tuple(table for table in Table if table is not Table.PAYLOAD)
# A row group of an export has some 32 MiB; one row may have more.
MOST_OF_GROUP = 1 << 30
ENDED = pa.array([state.value for state in JobState if state.ended])

# Told how many rows of the folder have been gone through since the last time.
OnRows = Callable[[int], None]


class CheckedFolder:
    """A folder whose rows may be written. Reads them file by file, row group by row group."""

    def __init__(self, folder: Path, on_rows: OnRows = lambda _: None) -> None:
        """Checks everything; two reads of each file, the second one of few columns."""
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._check_whole()
        for table in self.manifest.tables:
            for part in self._parts(table):
                self._check_part(table, part)
        self._check_rows(on_rows)

    def row_groups(self, table: Table) -> Iterator[tuple[Path, pa.Table]]:
        """All rows, and the file that has them. The file may have been changed since it was checked."""
        for part in self._parts(table):
            path = self.folder / part.file
            with readable(path), pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    yield path, file.read_row_group(group)

    @property
    def num_rows(self) -> int:
        return sum(of_table.num_rows for of_table in self.manifest.tables.values())

    def _parts(self, table: Table) -> tuple[Part, ...]:
        return self.manifest.parts_of(table).parts

    def _check_whole(self) -> None:
        manifest = self.manifest
        if manifest.format is not Format.PARQUET:
            raise InvalidField(
                str(self.folder), f"is an export as {manifest.format}; import reads --format parquet"
            )
        if missing := [table for table in NEEDED if table not in manifest.tables]:
            raise InvalidField(
                str(self.folder), f"has no rows of {', '.join(missing)}; export the batch without --tables"
            )
        for table, of_table in manifest.tables.items():
            if not of_table.is_whole:
                raise InvalidField(
                    str(self.folder), f"lacks rows of {table}: `specreason export` again goes on with it"
                )

    def _check_part(self, table: Table, part: Part) -> None:
        path = self.folder / part.file
        if broken := what_is_broken(self.folder, part):
            raise InvalidField(str(path), broken)
        with readable(path), pq.ParquetFile(path) as file:
            if not file.schema_arrow.remove_metadata().equals(schema_of(table)):
                raise InvalidField(str(path), f"has other columns than the table {table}")
            if file.metadata.num_rows != part.num_rows:
                raise InvalidField(
                    str(path),
                    f"has {file.metadata.num_rows:,} rows, not {part.num_rows:,} as {MANIFEST} says",
                )
            for group in range(file.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > MOST_OF_GROUP:
                    raise InvalidField(str(path), f"has a row group of more than {MOST_OF_GROUP:,} bytes")

    def _check_rows(self, on_rows: OnRows) -> None:
        """Every row is one of this batch: no job, problem or worker that a row names is missing in the folder."""
        batches = self._column(Table.BATCH, "id")
        if batches.to_pylist() != [str(self.manifest.batch_id)]:
            raise self._wrong(Table.BATCH, "is not the batch of this folder")
        (batch,) = (rows.to_pylist()[0] for _, rows in self.row_groups(Table.BATCH))
        self._check_json(batch)
        problems, jobs = self._column(Table.PROBLEM, "id"), self._column(Table.JOB, "id")
        for table, found, counted in (
            (Table.PROBLEM, len(problems), batch["num_problems"]),
            (Table.JOB, len(jobs), batch["num_jobs"]),
        ):
            if found != counted:
                raise self._wrong(table, f"has {found:,} rows, but the batch has {counted:,}")
        workers = self._column(Table.WORKER, "id")
        pairs = self._column(Table.MODEL_PAIR, "fingerprint")
        named = (
            (Table.PROBLEM, "batch_id", batches),
            (Table.JOB, "batch_id", batches),
            (Table.JOB, "problem_id", problems),
            (Table.JOB, "worker_id", workers),
            (Table.JOB, "pair_fingerprint", pairs),
            (Table.WORKER, "pair_fingerprint", pairs),
            (Table.ATTEMPT, "worker_id", workers),
            *((table, "job_id", jobs) for table in Table if table.is_of_jobs),
        )
        for table, column, known in named:
            for part, values in self._columns(table, column):
                if pc.any(pc.invert(pc.is_in(values.drop_null(), value_set=known))).as_py():
                    raise InvalidField(
                        str(self.folder / part.file), f"has a row whose {column} is none of this batch"
                    )
                on_rows(len(values) if table.is_of_jobs and column == "job_id" else 0)
        for part, states in self._columns(Table.JOB, "state"):
            if not pc.all(pc.is_in(states.cast(pa.string()), value_set=ENDED)).as_py():
                raise InvalidField(str(self.folder / part.file), "has a job that has not ended")

    def _check_json(self, batch: dict[str, Any]) -> None:
        """What every page and command that shows the batch relies on."""
        config = _parsed(batch["config"])
        if not isinstance(config, dict) or config.get("scheme") not in tuple(SchemeName):
            raise self._wrong(Table.BATCH, "has a configuration without a known scheme")
        for part, texts in self._columns(Table.PROBLEM, "messages"):
            for each in texts.drop_null().to_pylist():
                if not _is_chat(_parsed(each)):
                    raise InvalidField(str(self.folder / part.file), "has messages that are no chat")

    def _column(self, table: Table, name: str) -> pa.Array:
        arrays = [values for _, values in self._columns(table, name)]
        return pa.concat_arrays(arrays) if arrays else pa.array([], pa.string())

    def _columns(self, table: Table, name: str) -> Iterator[tuple[Part, pa.Array]]:
        """One column, a row group at a time."""
        for part in self._parts(table):
            path = self.folder / part.file
            with readable(path), pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    yield part, file.read_row_group(group, columns=[name]).column(name).combine_chunks()

    def _wrong(self, table: Table, reason: str) -> InvalidField:
        parts = self._parts(table)
        return InvalidField(str(self.folder / (parts[0].file if parts else MANIFEST)), reason)


def _parsed(text: str) -> Any:
    """None if it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(message, dict) and all(isinstance(text, str) for text in message.values())
        for message in value
    )


@contextmanager
def readable(path: Path) -> Iterator[Any]:
    """Raise InvalidField with the file's name for whatever the library cannot read in it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, UnicodeError) as error:
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise InvalidField(str(path), f"cannot be read as Parquet ({reason})") from error
