"""Rows from the CSV of COPY, and back into it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest

from specreason.store.analysis.row_arrow import from_csv, no_rows, schema_of, to_csv
from specreason.store.analysis.row_tables import Kind, Table

ID = "0193b2a4-0000-7000-8000-00000000abcd"


def line(table: Table, **values: str | None) -> str:
    """A row as COPY writes it: what is not given has a value of its kind, or is NULL where it may be."""
    usual = {
        Kind.ID: ID,
        Kind.TEXT: '""',
        Kind.JSON: "{}",
        Kind.FLAG: "t",
        Kind.MOMENT: "2026-01-01 12:00:00.000001+00",
        Kind.TOKEN_IDS: '""',
    }
    return ",".join(
        values.get(
            each.name, "" if each.nullable else each.words[0] if each.words else usual.get(each.kind, "1")
        )
        or ""
        for each in table.columns
    )


def rows_of(table: Table, *lines: str) -> pa.RecordBatch:
    return from_csv(table, "".join(f"{each}\n" for each in lines).encode(), schema_of(table))


def fields_of(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def only(table: Table, name: str, *values: str | None) -> list[Any]:
    """One column of a row for each value."""
    return list(rows_of(table, *(line(table, **{name: value}) for value in values)).column(name).to_pylist())


def test_null_and_an_empty_text_are_two_things() -> None:
    texts = only(
        Table.PAYLOAD, "draft_text", None, '""', '"a ""b"",\r\n\\.\nNULL"', "NULL", '"{1,2}"', "∑\u2028"
    )
    assert texts == [None, "", 'a "b",\r\n\\.\nNULL', "NULL", "{1,2}", "∑\u2028"]


def test_token_ids_are_lists_of_integers() -> None:
    assert only(Table.PAYLOAD, "draft_ids", '"1,2,3"', None, '""', "-7", None) == [
        [1, 2, 3],
        None,
        [],
        [-7],
        None,
    ]


def test_digit_probabilities_are_ten_and_one_may_be_unknown() -> None:
    some = '"0.1,,3e-07' + "," * 7 + '1"'
    ten = [0.1, None, 3e-07, *[None] * 6, 1.0]
    assert only(Table.STEP, "digit_probs", some, None, some) == [ten, None, ten]
    assert only(Table.STEP, "digit_probs", None, None) == [None, None]


def test_words_are_those_of_the_table_and_another_one_is_no_null() -> None:
    assert only(Table.STEP, "author", "base", None, "drafter") == ["base", None, "drafter"]
    with pytest.raises(ValueError, match="author"):
        only(Table.STEP, "author", "neither")


def test_times_are_in_utc_and_to_the_microsecond() -> None:
    (at,) = only(Table.STEP, "created_at", "2026-11-30 09:55:23.123456+00")
    assert at.isoformat() == "2026-11-30T09:55:23.123456+00:00"


@pytest.mark.parametrize("table", Table)
def test_rows_that_go_back_into_csv_come_out_the_same(table: Table) -> None:
    """Also those of a slice, whose columns begin in the middle of others."""
    full = {
        Kind.TEXT: '"a ""b"",\n"',
        Kind.JSON: '"{""a"": [1, null]}"',
        Kind.FLAG: "f",
        Kind.REAL: "0.30000000000000004",
        Kind.LONG: str(-(2**63)),
        Kind.MOMENT: "2026-01-01 12:00:00+00",
        Kind.TOKEN_IDS: '"5,6"',
        Kind.DIGITS: '"0.1' + "," * 9 + '0.9"',
        Kind.ID: ID,
    }
    all_set = {
        each.name: each.words[-1] if each.words else full.get(each.kind, "12") for each in table.columns
    }
    rows = rows_of(table, line(table), line(table, **all_set), line(table), line(table, **all_set))
    for some in (rows, rows.slice(1), rows.slice(1, 2), rows.slice(3)):
        text = to_csv(table, some)
        assert len(fields_of(text)) == some.num_rows
        # Postgres writes an array otherwise than it reads it.
        if not any(each.kind in (Kind.TOKEN_IDS, Kind.DIGITS) for each in table.columns):
            again = text.replace(b"true", b"t").replace(b"false", b"f")
            assert from_csv(table, again, schema_of(table)).equals(some)


def test_arrays_go_back_as_postgres_reads_them() -> None:
    some = line(Table.PAYLOAD, kept_ids='"1,2"', draft_ids='""')
    (fields,) = fields_of(to_csv(Table.PAYLOAD, rows_of(Table.PAYLOAD, some)))
    names = [each.name for each in Table.PAYLOAD.columns]
    found = dict(zip(names, fields, strict=True))
    assert (found["kept_ids"], found["draft_ids"], found["written_ids"]) == ("{1,2}", "{}", "")
    digits = line(Table.STEP, digit_probs='"0.1' + "," * 9 + '"')
    both = fields_of(to_csv(Table.STEP, rows_of(Table.STEP, line(Table.STEP), digits)))
    place = [each.name for each in Table.STEP.columns].index("digit_probs")
    assert [fields[place] for fields in both] == ["", "{0.1" + ",NULL" * 9 + "}"]


@pytest.mark.parametrize("table", Table)
def test_no_rows_have_the_columns_all_the_same(table: Table) -> None:
    assert no_rows(table, schema_of(table)).schema.equals(schema_of(table))
    assert no_rows(table, schema_of(table)).num_rows == 0
