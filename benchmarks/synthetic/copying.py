"""Rows for Postgres's binary COPY, encoded column by column: a million rows take about a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any] | bytes | None
"""The values of one column: an array with one element per row, one text for every row, or NULL in every row.

Uuids are arrays (n, 16) of bytes, arrays of doubles are (n, length), points in time are microseconds since 2000.
"""

BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
INT4, FLOAT8 = 23, 701  # the types of elements, by oid


def encoded(columns: Mapping[str, Column], count: int, *, num_columns: int | None = None) -> list[bytes]:
    """One piece of binary COPY for each of `count` rows.

    `num_columns`: of the whole row, where other pieces with more columns follow.
    """
    fields: list[tuple[str, Any]] = [("num_columns", ">i2")]
    for name, values in columns.items():
        fields.append((f"size of {name}", ">i4"))
        if values is not None:
            fields.append((name, _wire_type(values)))
    rows = np.zeros(count, dtype=fields)
    rows["num_columns"] = num_columns or len(columns)
    for name, values in columns.items():
        if values is None:
            rows[f"size of {name}"] = -1
            continue
        rows[f"size of {name}"] = rows.dtype[name].itemsize
        if isinstance(values, bytes):
            rows[name] = np.void(values)
        elif values.dtype.kind == "f" and values.ndim == 2:
            _fill_arrays(rows[name], values)
        elif values.dtype == np.uint8:
            rows[name] = np.ascontiguousarray(values).view("V16")[:, 0]
        else:
            rows[name] = values
    pieces: list[bytes] = rows.view(f"V{rows.itemsize}").tolist()
    return pieces


def array_head(length: int) -> bytes:
    """What comes before the elements of an array of `length` integers, its size included."""
    numbers = (20 + 8 * length, 1, 0, INT4, length, 1) if length else (12, 0, 0, INT4)
    return np.array(numbers, dtype=">i4").tobytes()


def array_elements(values: Sequence[int]) -> bytes:
    sized = np.full((len(values), 2), 4, dtype=">i4")
    sized[:, 1] = values
    return sized.tobytes()


def _wire_type(values: NDArray[Any] | bytes) -> Any:
    if isinstance(values, bytes):
        return f"V{len(values)}"
    if values.dtype == np.uint8:
        return "V16"
    if values.dtype.kind == "f" and values.ndim == 2:
        elements = np.dtype([("size", ">i4"), ("value", ">f8")])
        head = [(name, ">i4") for name in ("dimensions", "has_null", "type", "length", "first")]
        return np.dtype([*head, ("elements", elements, (values.shape[1],))])
    return values.dtype.newbyteorder(">")


def _fill_arrays(cells: NDArray[Any], values: NDArray[Any]) -> None:
    cells["dimensions"], cells["has_null"], cells["type"] = 1, 0, FLOAT8
    cells["length"], cells["first"] = values.shape[1], 1
    cells["elements"]["size"] = 8
    cells["elements"]["value"] = values
