"""Datasets in memory: read to their end, with all that is told, and written as Parquet."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from specreason.errors import InvalidField
from specreason.submission.datasets import Format, Row, read_rows

CASES = Path(__file__).parents[1] / "cases" / "files"


@dataclass(slots=True)
class Told:
    """Everything that reading a file tells: rows, remarks, and the rows that are bad."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    bad: list[tuple[str, InvalidField]] = field(default_factory=list)

    @property
    def values(self) -> list[dict[str, Any]]:
        return [row.values for row in self.rows]


def read(content: bytes, written: Format | None = Format.JSONL) -> Told:
    """Read a file of which no row is bad."""
    told = Told()
    told.rows += read_rows(io.BytesIO(content), written, on_remark=told.remarks.append)
    return told


def read_the_good(content: bytes, written: Format | None = Format.JSONL) -> Told:
    """Read a file without its bad rows."""
    told = Told()
    told.rows += read_rows(
        io.BytesIO(content),
        written,
        on_remark=told.remarks.append,
        on_bad=lambda where, error: told.bad.append((where, error)),
    )
    return told


def as_parquet(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out, **options)
    return out.getvalue()
