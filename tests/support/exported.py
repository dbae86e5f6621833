"""Reads what `specreason export` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from specreason.store.analysis.folders import read_manifest
from specreason.store.analysis.row_tables import Kind, Table


def rows_of_folder(folder: Path, table: Table) -> list[dict[str, Any]]:
    """The rows of a table in the order of its files; JSON and times as JSONL has them."""
    parts = read_manifest(folder).parts_of(table).parts
    return [row for part in parts for row in _rows_of(folder / part.file, table)]


def _rows_of(path: Path, table: Table) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    for row in rows:
        for column in table.columns:
            value = row[column.name]
            if value is not None and column.kind is Kind.JSON:
                row[column.name] = json.loads(value)
            if value is not None and column.kind is Kind.MOMENT:
                row[column.name] = value.isoformat()
    return rows


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
