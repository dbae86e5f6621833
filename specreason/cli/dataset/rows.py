"""A dataset's rows, one by one, from JSONL, CSV or Parquet. Errors name the line or row, counted from 1."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from specreason.errors import InvalidField
from specreason.submission.jsonl import LONGEST_LINE, lines_of
from specreason.words import counted, none_of

LONGEST_CELL = 10_000_000  # characters; the csv module's own limit is shorter than a long problem
ROWS_AT_ONCE = 1024


class Format(StrEnum):
    """The file format of a dataset."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


SUFFIXES = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its place in the file, its values, and the line of JSONL that is sent for it."""

    where: str
    values: dict[str, Any]
    line: bytes


def format_of(path: str, named: str | None = None) -> Format:
    """Return the format called `named`, else by the file's name; `-`, standard input, is JSONL.

    Raises InvalidField for any other.
    """
    if named is not None:
        if named not in set(Format):
            raise InvalidField("--format", none_of(named, tuple(Format)))
        return Format(named)
    if path == "-":
        return Format.JSONL
    suffix = Path(path).suffix.lower()
    if Path(path).is_dir():
        raise InvalidField(path, "is a folder, not a file")
    if suffix not in SUFFIXES:
        raise InvalidField(path, f"must end in one of {', '.join(SUFFIXES)}, or say --format")
    return SUFFIXES[suffix]


def read_rows(file: BinaryIO, written: Format) -> Iterator[Row]:
    """Yield the rows of an open, seekable file. Memory holds only the current ones."""
    match written:
        case Format.JSONL:
            return _jsonl(file)
        case Format.CSV:
            return _csv(file, ",")
        case Format.TSV:
            return _csv(file, "\t")
        case Format.PARQUET:
            return _parquet(file)


def _jsonl(file: BinaryIO) -> Iterator[Row]:
    """Yield the lines as they are, without blank ones and without a byte order mark."""
    for line in lines_of(file):
        where = f"line {line.number}"
        try:
            values = line.parse()
        except ValueError as error:
            raise InvalidField(where, str(error)) from error
        yield _row(where, values, line.content)


def _csv(file: BinaryIO, delimiter: str) -> Iterator[Row]:
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
            yield _converted(where, {name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise InvalidField(f"line {rows.line_num}", f"is not CSV ({error})") from error
    except UnicodeDecodeError as error:
        raise InvalidField(f"after line {rows.line_num}", f"is not UTF-8 ({error.reason})") from error
    finally:
        text.detach()


def _parquet(file: BinaryIO) -> Iterator[Row]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        for rows in ParquetFile(file).iter_batches(batch_size=ROWS_AT_ONCE):
            for values in rows.to_pylist():
                number += 1
                yield _converted(f"row {number}", values)
    except (pyarrow.ArrowException, OSError) as error:
        place = f"after row {number}" if number else "the file"
        raise InvalidField(place, f"is not Parquet ({error})") from error


def _converted(where: str, values: dict[str, Any]) -> Row:
    plain = {name: _plain(value) for name, value in values.items()}
    return _row(where, plain, json.dumps(plain).encode())


def _row(where: str, values: dict[str, Any], content: bytes) -> Row:
    """Raises InvalidField for a line that no server takes."""
    line = content if content.endswith(b"\n") else content + b"\n"
    if len(line) > LONGEST_LINE:
        raise InvalidField(where, f"is longer than {LONGEST_LINE} bytes as a line of JSON")
    return Row(where=where, values=values, line=line)


def _plain(value: Any) -> Any:
    """Return a cell as a JSON value: None for NaN, and text for a type that JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
