"""What leaves the store as Arrow has every column of the tables, and the places by which a reader goes on."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger, Boolean, DateTime, Double, Integer, SmallInteger, Text, Uuid

from specreason.errors import InvalidField
from specreason.store.analysis.row_places import place_of, written
from specreason.store.analysis.row_tables import Column, Kind, Table
from specreason.store.tables import files, queue, trace
from specreason.store.tables.columns import metadata
from tests.support.messages import naming

ID = "0193b2a4-0000-7000-8000-00000000abcd"
# The first type that matches counts: a BigInteger is an Integer, too.
KIND_OF = (
    (Uuid, Kind.ID),
    (JSONB, Kind.JSON),
    (Boolean, Kind.FLAG),
    (SmallInteger, Kind.SHORT),
    (BigInteger, Kind.LONG),
    (Integer, Kind.INT),
    (Double, Kind.REAL),
    (DateTime, Kind.MOMENT),
    (Text, Kind.TEXT),
)


def columns_of(table: Table) -> set[Column]:
    """The columns as the table itself has them."""
    source = metadata.tables[table.source]
    words: dict[str, tuple[str, ...]] = {}
    for check in source.constraints:
        if isinstance(check, CheckConstraint) and (
            found := re.fullmatch(r"(\w+) IN \(([^()]*)\)", str(check.sqltext))
        ):
            words[found[1]] = tuple(re.findall(r"'([^']*)'", found[2]))
    return {
        Column(
            name=c.name,
            kind=kind_of(c.type, c.name in words),
            nullable=bool(c.nullable),
            words=words.get(c.name, ()),
        )
        for c in source.columns
    }


def kind_of(type_: object, is_word: bool) -> Kind:
    if isinstance(type_, ARRAY):
        return Kind.DIGITS if isinstance(type_.item_type, Double) else Kind.TOKEN_IDS
    return Kind.WORD if is_word else next(kind for cls, kind in KIND_OF if isinstance(type_, cls))


@pytest.mark.parametrize("table", Table)
def test_the_rows_have_every_column_of_their_table_with_its_type_and_words(table: Table) -> None:
    """Whoever adds a column adds it there, too, and raises SCHEMA_VERSION."""
    assert {files.file.name, queue.job.name, trace.step.name} <= set(metadata.tables)
    assert set(table.columns) == columns_of(table)
    assert len({column.name for column in table.columns}) == len(table.columns)
    assert set(table.key) <= {column.name for column in table.columns}


@pytest.mark.parametrize(
    ("table", "after"),
    [(Table.STEP, f"{ID}/12"), (Table.JOB, ID), (Table.PROBLEM, "7"), (Table.MODEL_PAIR, "a/b")],
)
def test_a_place_is_read_as_it_was_written(table: Table, after: str) -> None:
    assert written(place_of(table, after)) == after


@pytest.mark.parametrize(
    ("table", "after", "form"),
    [
        (Table.STEP, ID, "JOB/INDEX"),
        (Table.STEP, f"{ID}/x", "JOB/INDEX"),
        (Table.STEP, f"{ID}/{2**31}", "JOB/INDEX"),
        (Table.JOB, "7", "ID"),
        (Table.PROBLEM, "", "INDEX"),
        (Table.MODEL_PAIR, "\0", "FINGERPRINT"),
    ],
)
def test_a_place_that_the_table_cannot_have_is_refused_with_its_form(
    table: Table, after: str, form: str
) -> None:
    with pytest.raises(InvalidField, match=naming("after", form, f"`{table}`")):
        place_of(table, after)
