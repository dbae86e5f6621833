"""A dataset's rows, one by one, from JSONL, CSV or Parquet. Errors name the line or row, counted from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.jsonl import jsonl_rows
from specreason.submission.datasets.kinds import Format, format_of
from specreason.submission.datasets.parquet import parquet_rows
from specreason.submission.datasets.rows import Row
from specreason.submission.datasets.tables import table_rows

__all__ = ["Format", "Row", "format_of", "read_rows"]


def read_rows(
    file: BinaryIO,
    written: Format | None,
    *,
    on_bad: Callable[[str, InvalidField], None] | None = None,
    on_remark: Callable[[str], None] | None = None,
    most_blank: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of an open, seekable file from its beginning. Memory holds only the current ones.

    `written` is None where only the content says the format. `on_bad` gets the place and error of each bad row, which
    is then left out; without it the error is raised. `on_remark` gets sentences on how the file is read, each once.
    Raises InvalidField for a file that cannot be read, and after `most_blank` blank lines.
    """
    file.seek(0)
    match written:
        case Format.JSONL | None:
            return jsonl_rows(file, most_blank)
        case Format.CSV:
            return table_rows(file, ",")
        case Format.TSV:
            return table_rows(file, "\t")
        case Format.PARQUET:
            return parquet_rows(file)
