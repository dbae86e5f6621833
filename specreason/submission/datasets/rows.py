"""A row of a dataset, and its cells as JSON values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.jsonl import LONGEST_LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its place in the file, its values, and the line of JSONL that is sent for it."""

    where: str
    values: dict[str, Any]
    line: bytes


def row_of_cells(where: str, values: dict[str, Any]) -> Row:
    cells = {name: plain(value) for name, value in values.items()}
    return row_of(where, cells, json.dumps(cells).encode())


def row_of(where: str, values: dict[str, Any], content: bytes) -> Row:
    """Raises InvalidField for a line that no server takes."""
    line = content if content.endswith(b"\n") else content + b"\n"
    if len(line) > LONGEST_LINE:
        raise InvalidField(where, f"is longer than {LONGEST_LINE} bytes as a line of JSON")
    return Row(where=where, values=values, line=line)


def plain(value: Any) -> Any:
    """Return a cell as a JSON value: None for NaN, and text for a type that JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
