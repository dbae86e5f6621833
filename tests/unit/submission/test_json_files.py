"""JSON as people have it: in lines, in lists, in an object, with NaN, with marks between joined files."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreason.errors import InvalidField
from specreason.submission.datasets import Format
from specreason.submission.jsonl import LONGEST_LINE, MOST_DEPTH
from tests.support.datasets import CASES, read, read_the_good
from tests.support.messages import names

ROW = b'{"problem": "1 + 1?", "answer": "2"}'
VALUES = {"problem": "1 + 1?", "answer": "2"}
LONG = "x" * (2 * LONGEST_LINE)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    rows=st.lists(
        st.fixed_dictionaries({"problem": st.text()}, optional={"more": JSON}), min_size=1, max_size=5
    ),
    indent=st.sampled_from([None, 0, 2]),
    key=st.sampled_from([None, "data", "my problems"]),
)
def test_any_list_of_objects_is_sent_as_its_items(
    rows: list[dict[str, Any]], indent: int | None, key: str | None
) -> None:
    whole = rows if key is None else {key: rows}
    told = read(json.dumps(whole, indent=indent).encode())
    assert [json.loads(row.line) for row in told.rows] == rows == told.values
    assert all(row.line.count(b"\n") == 1 for row in told.rows)
    assert [row.where for row in told.rows] == [f"item {place}" for place in range(1, len(rows) + 1)]


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        ({"data": [VALUES, VALUES]}, "'data'"),
        ({"Rows": [VALUES, VALUES]}, "'Rows'"),
        ({"anything": [VALUES, VALUES]}, "'anything'"),
        ({"version": "2.0", "data": [VALUES, VALUES], "count": 2}, "'data'"),
        ({"version": {"major": [1]}, "data": [VALUES, VALUES], "tags": ["a"]}, "'data'"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_in_an_object_is_read_and_said(whole: dict[str, Any], says: str, indent: int | None) -> None:
    told = read(json.dumps(whole, indent=indent).encode())
    assert told.values == [VALUES, VALUES]
    assert names(told.remarks[0], says)


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "x", "data": [{"a": 1}]},
        {"Question": "x", "items": [{"a": 1}]},
        {"messages": [{"role": "user", "content": "x"}]},
        {"dialog": [{"role": "user", "content": "x"}]},
        {"turns": [{"from": "human", "value": "x"}]},
        {"text of mine": "x", "boxes": [{"a": 1}]},
        {"data": ["x"]},
    ],
)
def test_one_row_with_a_list_in_it_stays_one_row(row: dict[str, Any]) -> None:
    told = read(json.dumps(row).encode())
    assert (told.values, told.remarks) == ([row], [])


def test_objects_over_several_lines_are_rows() -> None:
    told = read(json.dumps(VALUES, indent=2).encode() + b"\n" + json.dumps(VALUES, indent=2).encode())
    assert told.values == [VALUES, VALUES]
    assert told.remarks


@pytest.mark.parametrize(
    ("content", "field", "says"),
    [
        (b"[" + ROW + b",\n" + ROW[:-3], "line 2", ("item 2", "ends")),
        (b"[" + ROW + b",\n", "line 2", ("ends",)),
        (b"[\n" + ROW + b"\n" + ROW + b"]", "line 3", ("','",)),
        (b"[" + ROW + b"]\n" + ROW, "line 2", ("list",)),
        (b'[{"problem": \n nope}]', "line 2", ("item 1",)),
        (b'{"train": [' + ROW + b'],\n "test": [' + ROW + b"]}", "file", ("'train'", "'test'")),
        (b'[{"problem": "\xff"}]', "after item 0", ("0xff", "UTF-8")),
        (b'[{"problem": ' + b"[" * 100_000 + b"]", "line 1", (MOST_DEPTH,)),
        (b'["a", "b"]', "line 1", ("object", "list")),
        (b'[{"role": "user"}]\n[{"role": "user"}]\n', "line 1", ("object", "list")),
    ],
)
def test_json_that_breaks_off_names_the_place(content: bytes, field: str, says: tuple[str, ...]) -> None:
    for reader in (read, read_the_good):
        if field == "line 1" and "list" in says and reader is read_the_good:
            continue
        with pytest.raises(InvalidField) as raised:
            reader(content)
        assert raised.value.field == field
        assert names(raised.value.reason, *says)


def test_an_item_that_is_no_object_is_a_bad_row() -> None:
    content = b"[" + ROW + b', 3, "x", null, [], ' + ROW + b"]"
    with pytest.raises(InvalidField, match=r"^item 2: .*object"):
        read(content)
    told = read_the_good(content)
    assert [row.where for row in told.rows] == ["item 1", "item 6"]
    assert [where for where, _ in told.bad] == ["item 2", "item 3", "item 4", "item 5"]


def test_a_long_list_is_read_as_it_comes() -> None:
    class Counted(io.BytesIO):
        furthest = 0

        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            self.furthest = max(self.furthest, self.tell())
            return content

    from specreason.submission.datasets import read_rows

    file = Counted(b"[" + b",".join([ROW] * 200_000) + b"]")
    rows = read_rows(file, Format.JSONL)
    for _ in range(1000):
        next(rows)
    assert file.furthest < 4 * LONGEST_LINE


def test_lines_are_sent_as_they_are_and_counted_with_the_blank_ones() -> None:
    told = read(b'\xef\xbb\xbf{"problem":  "a"}\r\n\n{"problem": "b"}')
    assert [row.line for row in told.rows] == [b'{"problem":  "a"}\r\n', b'{"problem": "b"}\n']
    assert [row.where for row in told.rows] == ["line 1", "line 3"]


@pytest.mark.parametrize(
    "content",
    [
        (CASES / "a08-two-boms.jsonl").read_bytes(),
        b"\xef\xbb\xbf\n" + ROW + b"\n\xef\xbb\xbf\xef\xbb\xbf" + ROW,
        ROW + b"\r\xef\xbb\xbf" + ROW + b"\r",
    ],
)
def test_a_byte_order_mark_before_any_line_is_ignored(content: bytes) -> None:
    told = read(content)
    assert len(told.rows) == 2
    assert not any(b"\xef\xbb\xbf" in row.line for row in told.rows)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (ROW + ROW, ("second", len(ROW))),
        (ROW + b" " + ROW, ("second",)),
        (ROW + b", " + ROW, ("second",)),
        (ROW + b",", ("comma",)),
        (b"\0\0\0", ("NUL",)),
        ('{"problem": "Wie groß?"}'.encode("latin-1"), ("0xdf", "ß", "Windows-1252", "UTF-8")),
        (b'{"problem": "\x81"}', ("0x81", "UTF-8")),
        (b"{'problem': 'x'}", ("double quotes",)),
        (b"[1]", ("list",)),
        (b"nope", ("JSON",)),
        (b'{"problem": "' + LONG.encode() + b'"}', (LONGEST_LINE,)),
        (b'{"problem": "x", "parts": [' + b"{}," * 1_000_000 + b"{}]}", (LONGEST_LINE,)),
    ],
)
def test_a_wrong_line_is_named_and_the_others_are_read(line: bytes, says: tuple[object, ...]) -> None:
    content = ROW + b"\n" + line + b"\n" + ROW
    with pytest.raises(InvalidField, match=r"^line 2: ") as raised:
        read(content)
    assert names(raised.value.reason, *says)
    told = read_the_good(content)
    assert [row.where for row in told.rows] == ["line 1", "line 3"]
    assert [where for where, _ in told.bad] == ["line 2"]
    assert names(told.bad[0][1].reason, *says)


def test_numbers_that_json_lacks_are_none_beside_a_problem() -> None:
    told = read(b'{"problem": "x", "a": NaN, "b": [-Infinity, 1e999], "c": 1e22, "d": ' + b"9" * 5000 + b"}")
    (row,) = told.rows
    assert row.values == {"problem": "x", "a": None, "b": [None, None], "c": 1e22, "d": "9" * 5000}
    assert json.loads(row.line) == row.values


@pytest.mark.parametrize("layout", ["{}", "[{}]", '{{"data": [{}]}}'])
def test_what_makes_a_row_too_long_is_left_out_and_said(layout: str) -> None:
    row = {"problem": "x", "picture": LONG, "small": [1]}
    told = read(layout.format(json.dumps(row)).encode())
    assert told.values == [row | {"picture": None}]
    assert names(told.remarks[-1], "'picture'", LONGEST_LINE)
    assert len(told.rows[0].line) < 100


def test_the_largest_values_are_left_out_first_and_no_more_than_needed() -> None:
    row = {"problem": "p" * 500_000, "a": "x" * 400_000, "b": "x" * 300_000, "c": "x" * 300_000}
    told = read(json.dumps(row).encode())
    assert told.values == [row | {"a": None, "b": None}]
