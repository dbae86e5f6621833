"""Tables as Excel, pandas and people write them: their separators, their empty cells, their quotes."""

from __future__ import annotations

import codecs
import csv
import io
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from specreason.errors import InvalidField
from specreason.submission.datasets import Format
from specreason.submission.jsonl import LONGEST_LINE
from tests.support.datasets import CASES, read, read_the_good
from tests.support.messages import names

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
QUESTION = "Start with {}5. A: add 3. B: subtract 4. C: add 8. D: subtract 2. Keep two digits at every step."
QUESTION += " What is the result?"


@given(
    names=st.lists(CELLS.filter(str.strip), min_size=2, max_size=4, unique=True),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), min_size=1, max_size=5),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    written=st.sampled_from([Format.CSV, Format.TSV]),
)
def test_any_table_written_as_csv_is_sent_as_the_same_rows(
    names: list[str], rows: list[list[str]], separator: str, written: Format
) -> None:
    cells = [[f"x{row[0]}", *row[1 : len(names)]] for row in rows]
    assume(names not in cells)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([names, *cells])
    sent = [json.loads(row.line) for row in read(text.getvalue().encode(), written).rows]
    assert sent == [{name: cell or None for name, cell in zip(names, row, strict=True)} for row in cells]


@pytest.mark.parametrize(
    ("case", "columns", "number", "says"),
    [
        ("a03-space-after-comma.csv", ["id", "problem", "answer"], 3, "spaces"),
        ("a05-empty-spreadsheet-rows.csv", ["problem", "answer"], 2, ""),
        ("a06-semicolons-bom.csv", ["problem", "answer"], 2, "semicolons"),
    ],
)
def test_given_tables_are_read(case: str, columns: list[str], number: int, says: str) -> None:
    told = read((CASES / case).read_bytes(), Format.CSV)
    assert [list(row) for row in told.values] == [columns] * number
    assert [row["problem"] for row in told.values] == [
        QUESTION.format(place) for place in range(1, number + 1)
    ]
    assert [row["answer"] for row in told.values] == [f"{place}0" for place in range(2, number + 2)]
    assert names(" ".join(told.remarks), *filter(None, [says]))
    assert bool(told.remarks) is bool(says)


@pytest.mark.parametrize(
    ("content", "written", "says"),
    [
        (b"problem;answer\nx, or y;1\n", Format.CSV, "semicolons"),
        (b"problem|answer\nx, or y|1\n", Format.CSV, "'|'"),
        (b"problem\tanswer\r\nx, or y\t1\r\n", Format.CSV, "tabs"),
        (b'problem,answer\n"x, or y",1\n', Format.TSV, "commas"),
        (b'"problem";"answer"\n"x, or y";"1"\n', Format.CSV, "semicolons"),
        (b"sep=;\r\nproblem;answer\r\nx, or y;1\r\n", Format.CSV, "semicolons"),
        (codecs.BOM_UTF8 + b'"sep=|"\nproblem|answer\nx, or y|1\n', Format.CSV, "'|'"),
        (b"SEP=^\rproblem^answer\rx, or y^1\r", Format.CSV, "'^'"),
        (b"problem;answer\nx, or y;1\n", None, "semicolons"),
        (b'problem,answer\n"x, or y",1\n', Format.CSV, ""),
        (b'problem, answer\n"x, or y", 1\n', Format.CSV, "spaces"),
        (b'problem,answer\n"x, or y", "1"\n', Format.CSV, "spaces"),
        (b"problem,answer,\n'x,1,\n", Format.CSV, "'"),
    ],
)
def test_the_separator_is_found_in_the_header_and_said(
    content: bytes, written: Format | None, says: str
) -> None:
    told = read(content, written)
    assert told.values == [{"problem": "'x" if says == "'" else "x, or y", "answer": "1"}]
    assert all(says in each for each in told.remarks)
    assert bool(told.remarks) is (says not in ("", "'"))


@pytest.mark.parametrize(
    "content",
    [b"problem\nx; y\n", b"problem; in words\nx\n", b'"problem;answer"\nx\n', b"problem\n"],
)
def test_a_sign_that_does_not_separate_rows_is_no_separator(content: bytes) -> None:
    if content == b"problem\n":
        with pytest.raises(InvalidField, match="header"):
            read(content, Format.CSV)
        return
    told = read(content, Format.CSV)
    assert len(told.values[0]) == 1
    assert not told.remarks


def test_a_table_under_the_name_of_jsonl_is_called_a_table() -> None:
    with pytest.raises(InvalidField, match=r"^file: .*CSV.*JSONL"):
        read(b"problem;answer\nx;1\n", Format.JSONL)


def test_empty_rows_and_columns_are_none_and_a_column_with_cells_has_a_name() -> None:
    content = b",,\n,a,,,\n , ,,,\n0,1,,,\n\n1,2,,x,\n,,,,\n"
    told = read(content, Format.CSV)
    assert told.values == [{"column 1": "0", "a": "1"}, {"column 1": "1", "a": "2", "column 4": "x"}]
    assert [row.where for row in told.rows] == ["row 2", "row 4"]


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (b"1,2", {"a": "1", "b": "2"}),
        (b"1,2,3,,", {"a": "1", "b": "2", "c": "3"}),
        (b"1,2,3, ", {"a": "1", "b": "2", "c": "3"}),
        (b"1", None),
        (b"1,2,3,4", None),
    ],
)
def test_a_row_lacks_empty_cells_at_its_end_and_nothing_else(
    row: bytes, values: dict[str, str | None] | None
) -> None:
    told = read_the_good(b"a,b,c\n7,8,9\n" + row + b"\n", Format.CSV)
    assert told.values[1:] == ([] if values is None else [values])
    assert [where for where, _ in told.bad] == ([] if values else ["row 2"])
    assert bool(told.remarks) is (row == b"1,2")


@pytest.mark.parametrize(
    ("content", "says", "rest"),
    [
        (b'a,b\n1,2\n"3,4\n5,6\n7,8\n', "^line 3: .*quote.*never", None),
        (b'a,b\n1,2\n"3,4\n5,6\n"7",8\n9,0\n', "^line 3: .*quote.*line 5", ["1", "9"]),
        (b'a,b\n"1\n1","2\n3,4\n', "^line 3: .*quote.*never", None),
        (b'a,b\n"1" x,2\n3,4\n', "^line 2: .*CSV.*twice", ["3"]),
        (b'a,"b\n1,2\n', "^line 1: .*quote.*never", None),
        (b'a,b\n5" pipe,2\n3,4\n', None, ['5" pipe', "3"]),
        (b'a,b\n"5"" pipe",2\n3,4\n', None, ['5" pipe', "3"]),
    ],
)
def test_the_line_where_a_quote_opens_is_named(
    content: bytes, says: str | None, rest: list[str] | None
) -> None:
    if says is not None:
        with pytest.raises(InvalidField, match=says):
            read(content, Format.CSV)
    if rest is None:
        with pytest.raises(InvalidField, match=says):
            read_the_good(content, Format.CSV)
        return
    told = read_the_good(content, Format.CSV)
    assert [row["a"] for row in told.values] == rest
    assert len(told.bad) == (says is not None)


@pytest.mark.parametrize("separator", [";", ","])
def test_a_byte_that_is_not_utf8_is_named_with_its_line_and_what_it_may_mean(separator: str) -> None:
    content = f"problem{separator}answer\n'a\nb'{separator}2\nWie groß?{separator}3\ny{separator}4\n"
    latin = content.replace("'", '"').encode("latin-1")
    with pytest.raises(InvalidField, match=r"^line 4: ") as raised:
        read(latin, Format.CSV)
    assert names(raised.value.reason, "byte 7", "0xdf", "ß", "Windows-1252", "UTF-8")
    told = read_the_good(latin, Format.CSV)
    assert [row["answer"] for row in told.values] == ["2", "4"]
    assert [where for where, _ in told.bad] == ["line 4"]
    with pytest.raises(InvalidField, match=r"^line 1: .*UTF-8"):
        read_the_good("größe,problem\n1,2\n".encode("latin-1"), Format.CSV)
    told = read_the_good('a,b\n"x\nß\ny",1\nz,2\n'.encode("latin-1"), Format.CSV)
    assert ([where for where, _ in told.bad], told.values) == (["line 3"], [{"a": "z", "b": "2"}])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str) -> None:
    content = f'problem,answer{end}"x{end}y",1{end}z,2{end}'.encode()
    values = read(content, Format.CSV).values
    assert [row["answer"] for row in values] == ["1", "2"]
    assert values[0]["problem"].split() == ["x", "y"]


def test_the_header_of_a_second_file_that_was_joined_is_no_row() -> None:
    table = codecs.BOM_UTF8 + b"problem,answer\nx,1\n"
    told = read(table + table, Format.CSV)
    assert [row["answer"] for row in told.values] == ["1", "1"]
    assert names(told.remarks[0], "row 2", "header")


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidField, match=r"^header: .*'a'"):
        read_the_good(b"a,b,a\n1,2,3\n", Format.CSV)


def test_a_cell_beside_the_problem_that_is_too_long_is_left_out_and_said_once() -> None:
    long = b"y" * LONGEST_LINE
    told = read(b"problem,note\nx," + long + b"\nz," + long + b"\nv,w\n", Format.CSV)
    assert told.values == [
        {"problem": "x", "note": None},
        {"problem": "z", "note": None},
        {"problem": "v", "note": "w"},
    ]
    (remark,) = told.remarks
    assert names(remark, "'note'", LONGEST_LINE, "row 1")


def test_a_problem_that_is_too_long_is_refused_and_the_next_one_is_read() -> None:
    told = read_the_good(b"note,problem\nx," + b"y" * LONGEST_LINE + b"\nv,w\n", Format.CSV)
    assert told.values == [{"note": "v", "problem": "w"}]
    assert names(str(told.bad[0][1]), "row 1", LONGEST_LINE)


def test_a_quote_that_swallows_a_large_file_ends_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specreason.submission.datasets.tables.LONGEST_ROW", 1000)
    with pytest.raises(InvalidField, match=r"^line 3: .*1000 bytes.*quote"):
        read_the_good(b'a,b\n1,2\n"3,4\n' + b"5,6\n" * 1000, Format.CSV)


def test_blank_rows_end_at_the_limit_of_the_caller() -> None:
    from specreason.submission.datasets import read_rows

    content = io.BytesIO(b"a,b\n" + b",\n" * 20 + b"1,2\n")
    assert len(list(read_rows(content, Format.CSV, most_blank=20))) == 1
    with pytest.raises(InvalidField, match="19 blank lines"):
        list(read_rows(content, Format.CSV, most_blank=19))
