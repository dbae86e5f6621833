"""The rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from specreason.errors import InvalidField, SpecReasonError
from specreason.submission.datasets.cells import values_of
from specreason.submission.datasets.kinds import PARQUET
from specreason.submission.datasets.plain import MOST_UNPACKED
from specreason.submission.datasets.rows import Report, Row, check_column_names, row_of
from specreason.words import LONGEST_SHOWN

ROWS_AT_ONCE = 2048
BYTES_AT_ONCE = 8 << 20  # of the rows that are held at once, as the file has them
# One value in Python. More of one column in all, and in a row, than these are refused before they are read.
BYTES_OF_A_VALUE = 8
MOST_VALUES, MOST_VALUES_OF_A_ROW = 1_000_000, 100_000


def parquet_rows(file: BinaryIO, report: Report) -> Iterator[Row]:
    """Yield the rows. What JSON lacks is text; what cannot be text is left out, and told once for each column.

    Raises InvalidField, whatever is wrong with the file, and for one of more than MOST_UNPACKED bytes of data.
    """
    number = 0
    rows = _rows(file, report)
    while True:
        try:
            values = next(rows, None)
        except SpecReasonError:
            raise
        except Exception as error:
            # The library raises errors of its own, of Python and of the system. Each one is about the file.
            place = f"after row {number}" if number else "file"
            raise InvalidField(place, f"cannot be read as Parquet ({_first_line(error)})") from error
        if values is None:
            return
        number += 1
        row = row_of(f"row {number}", values, report)
        if row is not None:
            yield row


def _rows(file: BinaryIO, report: Report) -> Iterator[dict[str, Any]]:
    from pyarrow.parquet import ParquetFile, read_metadata

    _check_end(file)
    metadata = read_metadata(file)
    sizes = [metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)]
    if sum(sizes) > MOST_UNPACKED:
        raise InvalidField("file", f"has {sum(sizes)} bytes of data, more than {MOST_UNPACKED}; split it")
    schema = metadata.schema.to_arrow_schema()
    if not schema.names:
        raise InvalidField("file", "has no problems: this Parquet file has no columns")
    check_column_names(schema.names)
    opened = ParquetFile(
        file, metadata=metadata, read_dictionary=_texts(metadata.schema, schema), pre_buffer=False
    )
    for index, size in enumerate(sizes):
        group = metadata.row_group(index)
        num_rows = group.num_rows
        # A few bytes can stand for millions of equal values in one list.
        num_values = max((group.column(place).num_values for place in range(group.num_columns)), default=0)
        if num_values > MOST_VALUES and num_values > MOST_VALUES_OF_A_ROW * num_rows:
            raise InvalidField("file", f"has {num_values} values in {num_rows} rows of one column; split it")
        num_bytes = max(1, size, BYTES_OF_A_VALUE * num_values)
        at_once = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE * num_rows // num_bytes))
        for batch in opened.iter_batches(batch_size=at_once, row_groups=[index]):
            columns = [
                values_of(column, name, report)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            for cells in zip(*columns, strict=True):
                yield dict(zip(batch.schema.names, cells, strict=True))


def _check_end(file: BinaryIO) -> None:
    size = file.seek(0, 2)
    file.seek(max(0, size - len(PARQUET)))
    end = file.read(len(PARQUET))
    file.seek(0)
    if end != PARQUET:
        raise InvalidField("file", "is not Parquet to its end: it is cut off, so make or copy it again")


def _texts(stored: Any, schema: Any) -> list[str]:
    """The paths of the columns of text and bytes.

    They are read as the file has them, each different value once: a short file may repeat a long one very often.
    """
    from pyarrow import BaseExtensionType

    extended = {field.name for field in schema if isinstance(field.type, BaseExtensionType)}
    columns = [stored.column(index) for index in range(len(stored))]
    return [
        column.path
        for column in columns
        if column.physical_type == "BYTE_ARRAY"
        and column.logical_type.type in ("NONE", "STRING", "ENUM", "JSON", "BSON")
        and column.path.partition(".")[0] not in extended
    ]


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return text[: 2 * LONGEST_SHOWN]
