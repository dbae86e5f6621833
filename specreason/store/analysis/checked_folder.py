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
from pydantic import ValidationError

from specreason.config import RunConfig, SchemeName
from specreason.errors import InvalidField
from specreason.store.analysis.folders import (
    MANIFEST,
    Format,
    Part,
    read_manifest,
    what_is_broken,
)
from specreason.store.analysis.row_arrow import schema_of
from specreason.store.analysis.row_tables import READABLE_VERSIONS, Kind, Table
from specreason.store.tables.states import JobState
from specreason.submission.chat import ROLES
from specreason.validation import first_invalid_field

# Without texts, token ids and rewards a batch still has every figure of its own.
NEEDED = tuple(table for table in Table if table not in (Table.PAYLOAD, Table.REWARD))
# A row group of an export has some 32 MiB; one row may have more. A few bytes of a file may say that a row or a value
# comes again a million times.
MOST_OF_GROUP = 1 << 30
MOST_ROWS_OF_GROUP = 1 << 20
MOST_VALUES_OF_GROUP = 1 << 26  # of one column: of its lists together
ENDED = pa.array([state.value for state in JobState if state.ended])

# Told how many rows of the folder have been gone through since the last time.
OnRows = Callable[[int], None]


class CheckedFolder:
    """A folder whose rows may be written. Reads them file by file, row group by row group."""

    def __init__(self, folder: Path, on_rows: OnRows = lambda _: None) -> None:
        """Checks everything; two reads of each file, the second one of few columns."""
        self.folder = folder
        self.manifest = read_manifest(folder, READABLE_VERSIONS)
        self._check_whole()
        for table in self.manifest.tables:
            for part in self._parts(table):
                self._check_part(table, part)
        self._check_rows(on_rows)

    def row_groups(self, table: Table) -> Iterator[tuple[Path, pa.Table]]:
        """All rows, and the file that has them. The file may have been changed since it was checked.

        Texts are dictionaries: however often one comes, it is in memory once.
        """
        for part, rows in self._groups(table):
            yield self.folder / part.file, rows

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
            for group in map(file.metadata.row_group, range(file.num_row_groups)):
                num_values = max(group.column(number).num_values for number in range(group.num_columns))
                for most, found, what in (
                    (MOST_OF_GROUP, group.total_byte_size, "bytes"),
                    (MOST_ROWS_OF_GROUP, group.num_rows, "rows"),
                    (MOST_VALUES_OF_GROUP, num_values, "values in a column"),
                ):
                    if found > most:
                        raise InvalidField(str(path), f"has a row group of more than {most:,} {what}")

    def _check_rows(self, on_rows: OnRows) -> None:
        """Every row is one of this batch: no job, problem or worker that a row names is missing in the folder."""
        batches = self._column(Table.BATCH, "id")
        is_one = self.manifest.parts_of(Table.BATCH).num_rows == 1
        if not is_one or batches.to_pylist() != [str(self.manifest.batch_id)]:
            raise self._wrong(Table.BATCH, "is not the batch of this folder")
        (batch,) = (rows.to_pylist()[0] for _, rows in self.row_groups(Table.BATCH))
        self._check_json(batch)
        problems, jobs = self._column(Table.PROBLEM, "id"), self._column(Table.JOB, "id")
        for table, found, counted in (
            (Table.PROBLEM, len(problems), batch["num_problems"]),
            (Table.JOB, len(jobs), batch["num_jobs"]),
        ):
            if found != counted:
                raise self._wrong(table, f"has rows with {found:,} ids, but the batch has {counted:,}")
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
            for part, num_rows, values in self._columns(table, column):
                if pc.any(pc.invert(pc.is_in(values.drop_null(), value_set=known))).as_py():
                    raise InvalidField(
                        str(self.folder / part.file), f"has a row whose {column} is none of this batch"
                    )
                on_rows(num_rows if table.is_of_jobs and column == "job_id" else 0)
        for part, _, states in self._columns(Table.JOB, "state"):
            if not pc.all(pc.is_in(states, value_set=ENDED)).as_py():
                raise InvalidField(str(self.folder / part.file), "has a job that has not ended")

    def _check_json(self, batch: dict[str, Any]) -> None:
        """What every page and command that shows the batch relies on."""
        config = _parsed(batch["config"])
        if not isinstance(config, dict) or config.get("scheme") not in tuple(SchemeName):
            raise self._wrong(Table.BATCH, "has a configuration without a known scheme")
        try:
            RunConfig.model_validate_json(batch["config"], strict=True)
        except ValidationError as error:
            reason = first_invalid_field(error, prefix="config.")
            raise self._wrong(
                Table.BATCH, f"has a configuration that this version cannot read ({reason})"
            ) from None
        for table in self.manifest.tables:
            for column in table.columns:
                if column.kind is Kind.JSON:
                    is_right, what = (
                        (_is_chat, "no chat") if column.name == "messages" else (_is_object, "no object")
                    )
                    for part, _, texts in self._columns(table, column.name):
                        if not all(is_right(_parsed(each)) for each in texts.drop_null().to_pylist()):
                            raise InvalidField(
                                str(self.folder / part.file), f"has {column.name} that are {what} of JSON"
                            )

    def _column(self, table: Table, name: str) -> pa.Array:
        """The different values of a column of texts."""
        arrays = [values for _, _, values in self._columns(table, name)]
        return pc.unique(pa.concat_arrays(arrays)) if arrays else pa.array([], pa.string())

    def _columns(self, table: Table, name: str) -> Iterator[tuple[Part, int, pa.Array]]:
        """Of each row group the number of rows, and the different values of a column of texts."""
        for part, rows in self._groups(table, [name]):
            yield part, rows.num_rows, pc.unique(rows.column(name)).cast(pa.string())

    def _groups(self, table: Table, columns: list[str] | None = None) -> Iterator[tuple[Part, pa.Table]]:
        """The row groups that have rows, with these columns or all."""
        texts = [field.name for field in schema_of(table) if pa.types.is_string(field.type)]
        for part in self._parts(table):
            path = self.folder / part.file
            with readable(path), pq.ParquetFile(path, read_dictionary=texts) as file:
                for group in range(file.num_row_groups):
                    rows = file.read_row_group(group, columns=columns)
                    if rows.num_rows:
                        yield part, rows

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
    """Whether it is a chat as `submission.chat.to_json` writes it."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(message, dict)
            and message.get("role") in ROLES
            and isinstance(message.get("content"), str)
            for message in value
        )
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


@contextmanager
def readable(path: Path) -> Iterator[Any]:
    """Raise InvalidField with the file's name for whatever the library cannot read in it."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, UnicodeError) as error:
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise InvalidField(str(path), f"cannot be read as Parquet ({reason})") from error
