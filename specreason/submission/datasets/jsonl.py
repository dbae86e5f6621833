"""The rows of a JSONL file: its lines as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.rows import Row, row_of
from specreason.submission.jsonl import lines_of


def jsonl_rows(file: BinaryIO, most_blank: int | None = None) -> Iterator[Row]:
    """Yield the lines as they are, without blank ones and without a byte order mark."""
    for line in lines_of(file, most_blank=most_blank):
        where = f"line {line.number}"
        try:
            values = line.parse()
        except ValueError as error:
            raise InvalidField(where, str(error)) from error
        yield row_of(where, values, line.content)
