"""Rows as Arrow, from the CSV that COPY writes and back into it.

pyarrow reads and writes CSV in columns, some ten times faster than Python reads rows. An unquoted empty field is NULL,
a quoted one an empty text, on both sides. Doubles are written with as many digits as give the same double again.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from specreason.store.analysis.row_tables import Column, Kind, Table

NUM_DIGITS = 10
TYPES: dict[Kind, pa.DataType] = {
    Kind.ID: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
    Kind.WORD: pa.dictionary(pa.int32(), pa.string()),
    Kind.FLAG: pa.bool_(),
    Kind.SHORT: pa.int16(),
    Kind.INT: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.MOMENT: pa.timestamp("us", tz="UTC"),
    Kind.TOKEN_IDS: pa.list_(pa.int32()),
    Kind.DIGITS: pa.list_(pa.float64(), NUM_DIGITS),
}
# These stand in the CSV as text.
AS_TEXT = (Kind.WORD, Kind.TOKEN_IDS, Kind.DIGITS)
UNKNOWN_DIGITS = "," * (NUM_DIGITS - 1)


@cache
def schema_of(table: Table) -> pa.Schema:
    """The columns of a table. What a stream or file says about itself is added to it as metadata."""
    fields = [pa.field(each.name, TYPES[each.kind], nullable=each.nullable) for each in table.columns]
    return pa.schema(fields)


def sql_of(column: Column) -> str:
    """The column as COPY has to select it for `from_csv`."""
    if column.kind is Kind.TOKEN_IDS:
        return f"array_to_string(\"{column.name}\", ',')"
    if column.kind is Kind.DIGITS:
        return f"array_to_string(\"{column.name}\", ',', '')"
    return f'"{column.name}"'


def from_csv(table: Table, data: bytes | bytearray, schema: pa.Schema) -> pa.RecordBatch:
    """The rows that COPY wrote, one at least. The session's time zone must be UTC. `schema` is the table's own."""
    columns = table.columns
    rows = csv.read_csv(
        pa.BufferReader(data),
        # One block: a text may be longer than any other size.
        csv.ReadOptions(column_names=[each.name for each in columns], block_size=len(data) + 1),
        csv.ParseOptions(newlines_in_values=any(each.kind in (Kind.TEXT, Kind.JSON) for each in columns)),
        csv.ConvertOptions(
            column_types={e.name: pa.string() if e.kind in AS_TEXT else TYPES[e.kind] for e in columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    arrays = [_from_text(each, rows.column(each.name).combine_chunks()) for each in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def no_rows(table: Table, schema: pa.Schema) -> pa.RecordBatch:
    """No rows, with the words of its columns."""
    arrays = [
        _words(each, pa.array([], pa.string())) if each.kind is Kind.WORD else pa.array([], TYPES[each.kind])
        for each in table.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_csv(table: Table, rows: pa.RecordBatch | pa.Table) -> bytes:
    """The rows as COPY reads them, in the order of the table's columns here. Texts may be dictionaries."""
    arrays = [_to_text(each, _whole(rows.column(each.name))) for each in table.columns]
    sink = BytesIO()
    csv.write_csv(
        pa.table(arrays, names=[each.name for each in table.columns]),
        sink,
        csv.WriteOptions(include_header=False),
    )
    return sink.getvalue()


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _from_text(column: Column, values: pa.Array) -> pa.Array:
    if column.kind is Kind.WORD:
        return _words(column, values)
    if column.kind is Kind.TOKEN_IDS:
        return _ids(values)
    return _digits(values) if column.kind is Kind.DIGITS else values


def _words(column: Column, values: pa.Array) -> pa.Array:
    words = pa.array(column.words, pa.string())
    indices = pc.index_in(values, value_set=words)
    if indices.null_count != values.null_count:
        raise ValueError(f"{column.name} has a word that is none of {', '.join(column.words)}")
    return pa.DictionaryArray.from_arrays(indices, words)


def _ids(values: pa.Array) -> pa.Array:
    """Lists of integers from texts such as "1,2,3". An empty text is an empty list."""
    split = pc.split_pattern(pc.if_else(pc.equal(values, ""), None, values), ",")
    lengths = pc.fill_null(pc.list_value_length(split), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    return pa.ListArray.from_arrays(offsets, split.flatten().cast(pa.int32()), mask=values.is_null())


def _digits(values: pa.Array) -> pa.Array:
    """Ten doubles each, from texts such as "0.1,,0.9,…": what is empty is unknown."""
    parts = pc.split_pattern(pc.fill_null(values, UNKNOWN_DIGITS), ",").flatten()
    doubles = pc.if_else(pc.equal(parts, ""), None, parts).cast(pa.float64())
    return pa.FixedSizeListArray.from_arrays(doubles, NUM_DIGITS, mask=values.is_null())


def _to_text(column: Column, values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        return values.cast(pa.string())
    if column.kind is Kind.TOKEN_IDS:
        return _braced(values.cast(pa.list_(pa.string())))
    if column.kind is not Kind.DIGITS:
        return values
    # `flatten` leaves out the ten values of a row that is null.
    known = pc.fill_null(values.flatten().cast(pa.string()), "NULL")
    offsets = pa.array(range(0, len(known) + 1, NUM_DIGITS), pa.int32())
    texts = _braced(pa.ListArray.from_arrays(offsets, known))
    is_known = values.is_valid()
    place = pc.subtract(pc.cumulative_sum(is_known.cast(pa.int32())), 1)
    return texts.take(pc.if_else(is_known, place, None))


def _braced(lists: pa.Array) -> pa.Array:
    """Lists of texts as Postgres writes an array."""
    return pc.binary_join_element_wise("{", pc.binary_join(lists, ","), "}", "")
