"""The rows of a CSV or TSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.rows import Row, row_of_cells
from specreason.words import counted

LONGEST_CELL = 10_000_000  # characters; the csv module's own limit is shorter than a long problem


def table_rows(file: BinaryIO, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is None:
            return
        # Tables written with their index begin with a column that has no name.
        header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
        if len(set(header)) < len(header):
            double = next(name for name in header if header.count(name) > 1)
            raise InvalidField("header", f"names two columns '{double}'")
        for number, cells in enumerate(rows, start=1):
            if not cells:
                continue
            where = f"row {number}"
            if len(cells) != len(header):
                raise InvalidField(where, f"has {counted(len(cells), 'column')}, the header {len(header)}")
            # An empty cell is how CSV says that there is none.
            yield row_of_cells(where, {name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise InvalidField(f"line {rows.line_num}", f"is not CSV ({error})") from error
    except UnicodeDecodeError as error:
        raise InvalidField(f"after line {rows.line_num}", f"is not UTF-8 ({error.reason})") from error
    finally:
        text.detach()
