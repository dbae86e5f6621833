"""The rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.rows import Row, row_of_cells

ROWS_AT_ONCE = 1024


def parquet_rows(file: BinaryIO) -> Iterator[Row]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        for rows in ParquetFile(file).iter_batches(batch_size=ROWS_AT_ONCE):
            for values in rows.to_pylist():
                number += 1
                yield row_of_cells(f"row {number}", values)
    except (pyarrow.ArrowException, OSError) as error:
        place = f"after row {number}" if number else "the file"
        raise InvalidField(place, f"is not Parquet ({error})") from error
