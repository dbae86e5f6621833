"""The formats of a dataset, and which one a file has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from specreason.errors import InvalidField
from specreason.words import none_of


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
