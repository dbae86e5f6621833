"""Reads many rows as numpy arrays: Postgres sends them in its binary format, in which rows without NULL are equally
wide, so that an array is made of them without looking at any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specreason.evaluation.scientific import np
from specreason.store.session import Connection

# numpy's types by Postgres's, in network order.
TYPES = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8"}
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# So many bytes are made into arrays at a time.
_BLOCK = 4 * 2**20


def read_columns(
    connection: Connection, columns: Mapping[str, tuple[str, str]], source: str, parameters: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The columns of `SELECT … source` as arrays. `columns` gives each name a type of TYPES and an expression.

    No expression may be NULL. `source` begins with FROM; its `%(name)s` are of `parameters`.
    """
    fields = ((name, TYPES[kind]) for name, (kind, _) in columns.items())
    # Each value stands behind its length.
    row = np.dtype(
        [
            ("count", ">i2"),
            *(part for name, kind in fields for part in ((f"length of {name}", ">i4"), (name, kind))),
        ]
    )
    parts: list[dict[str, np.ndarray]] = []
    left = bytearray()
    is_first = True
    cursor = connection.connection.cursor()
    with cursor.copy(_statement(columns, source), parameters) as copy:
        for received in copy:
            left += received
            if len(left) >= _BLOCK:
                parts.append(_taken(left, row, list(columns), is_first=is_first))
                is_first = False
    parts.append(_taken(left, row, list(columns), is_first=is_first))
    assert left == _TRAILER
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def _statement(columns: Mapping[str, tuple[str, str]], source: str) -> str:
    chosen = ", ".join(f"({expression})::{kind}" for kind, expression in columns.values())
    return f"COPY (SELECT {chosen} {source}) TO STDOUT (FORMAT binary)"


def _taken(left: bytearray, row: np.dtype, names: Sequence[str], *, is_first: bool) -> dict[str, np.ndarray]:
    """Take the whole rows off the front of `left`, as columns in the machine's own order of bytes."""
    if is_first:
        assert left.startswith(_HEADER)
        del left[: len(_HEADER)]
    num_bytes = len(left) // row.itemsize * row.itemsize
    rows = np.frombuffer(bytes(left[:num_bytes]), row)
    del left[:num_bytes]
    return {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in names}
