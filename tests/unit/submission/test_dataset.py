"""What `specreason submit` makes of files, columns and options, before anything is sent."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from specreason.cli.dataset.choices import grid_of, json_object, run_config, validated
from specreason.errors import InvalidField
from specreason.submission.datasets import Format, Row, format_of, read_rows
from specreason.submission.jsonl import LONGEST_LINE
from tests.support.messages import naming

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def rows_of(content: bytes, written: Format = Format.JSONL) -> list[Row]:
    return list(read_rows(io.BytesIO(content), written))


def as_parquet(**columns: list[Any]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


@given(
    names=st.lists(CELLS.filter(bool), min_size=2, max_size=4, unique=True),
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=5),
    written=st.sampled_from([Format.CSV, Format.TSV]),
)
def test_any_table_written_as_csv_is_sent_as_the_same_rows(
    names: list[str], rows: list[list[str]], written: Format
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="," if written is Format.CSV else "\t", quoting=csv.QUOTE_ALL)
    cells = [row[: len(names)] for row in rows]
    writer.writerows([names, *cells])
    sent = [json.loads(row.line) for row in rows_of(text.getvalue().encode(), written)]
    assert sent == [{name: cell or None for name, cell in zip(names, row, strict=True)} for row in cells]


def test_lines_of_jsonl_are_sent_as_they_are_and_counted_with_the_blank_ones() -> None:
    rows = rows_of(b'\xef\xbb\xbf{"problem":  "a"}\r\n\n{"problem": "b"}')
    assert [row.line for row in rows] == [b'{"problem":  "a"}\r\n', b'{"problem": "b"}\n']
    assert [row.where for row in rows] == ["line 1", "line 3"]


def test_what_parquet_holds_and_json_does_not_is_sent_as_text_or_none() -> None:
    content = as_parquet(
        question=["a"],
        share=[float("nan")],
        day=[date(2026, 1, 2)],
        at=[datetime(2026, 1, 2, tzinfo=UTC)],
        price=[Decimal("1.50")],
        parts=[[{"x": 1.0}]],
        nothing=[None],
    )
    (row,) = rows_of(content, Format.PARQUET)
    assert json.loads(row.line) == {
        "question": "a",
        "share": None,
        "day": "2026-01-02",
        "at": "2026-01-02T00:00:00+00:00",
        "price": "1.50",
        "parts": [{"x": 1.0}],
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("content", "written", "says"),
    [
        (b'{"problem": "x"}\nnot json\n', Format.JSONL, "^line 2: "),
        (b'{"problem": "\xff"}\n', Format.JSONL, "^line 1: "),
        (
            b'{"problem": "x"}\n' + b" " * LONGEST_LINE + b"x",
            Format.JSONL,
            "^line 2: .* 1048576 bytes",
        ),
        (b"a,b\nx," + b"y" * LONGEST_LINE + b"\n", Format.CSV, "^row 1: .* 1048576 bytes"),
        (b"\n[1]\n", Format.JSONL, "^line 2: .*list"),
        (b"a,b\n1,2\n3\n", Format.CSV, r"^row 2: .*\b1\b.*\b2\b"),
        (b"a,a\n1,2\n", Format.CSV, "^header: .*'a'"),
        (b'a,b\n"1" x,2\n', Format.CSV, "^line 2: .*CSV"),
        (b'a,b\n"1,2\n', Format.CSV, "CSV"),
        (b"a,b\n\xff,2\n", Format.CSV, "UTF-8"),
        (b"PAR1 no", Format.PARQUET, "Parquet"),
    ],
)
def test_a_wrong_row_is_named(content: bytes, written: Format, says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        rows_of(content, written)


def test_a_column_without_a_name_gets_one() -> None:
    (row,) = rows_of(b",question\n0,x\n", Format.CSV)
    assert row.values == {"column 1": "0", "question": "x"}


@pytest.mark.parametrize(
    ("path", "written"),
    [("-", Format.JSONL), ("a.JSONL", Format.JSONL), ("b/c.csv", Format.CSV), ("x.parquet", Format.PARQUET)],
)
def test_the_name_says_how_a_file_is_written(path: str, written: Format) -> None:
    assert format_of(path) is written


def test_another_name_is_refused_with_those_that_are_read() -> None:
    with pytest.raises(InvalidField, match=r"^x\.xlsx: .*\.jsonl"):
        format_of("x.xlsx")


def test_options_go_before_the_file_and_defaults_are_left_to_the_server() -> None:
    chosen = run_config('{"seed": 1, "repeats": 4}', {"seed": 2, "scheme": None})
    assert chosen == {"seed": 2, "repeats": 4}


@pytest.mark.parametrize(
    ("config", "field"),
    [('{"treshold": 7}', "config.treshold"), ('{"threshold": 12}', "config.threshold"), ("[1]", "--config")],
)
def test_a_wrong_configuration_is_named_before_anything_is_sent(config: str, field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        run_config(config, {})
    assert raised.value.field == field


def test_a_configuration_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidField, match=r"^--config: "):
        json_object("{", "--config")


def test_a_grid_is_lists_and_counts_a_threshold_only_where_it_matters() -> None:
    grid = grid_of(["scheme=base,specreason", "threshold=5,7"], {})
    assert grid == {"scheme": ["base", "specreason"], "threshold": [5, 7]}
    assert [(str(each.scheme), each.threshold) for each in validated({}, grid).configurations()] == [
        ("base", None),
        ("specreason", 5),
        ("specreason", 7),
    ]
    assert len(validated({"config": {"repeats": 3}}, None).configurations()) == 1
    assert grid_of([], {}) is None


@pytest.mark.parametrize(
    ("given", "config", "says"),
    [
        (["schema=base"], {}, "scheme=….* threshold=…"),
        (["scheme="], {}, "scheme=….* threshold=…"),
        (["scheme=base", "scheme=drafter"], {}, r"\bscheme\b(?!=)"),
        (["threshold=5"], {"threshold": 7}, r"\bthreshold\b(?!=)"),
        (["threshold=high"], {}, "'high'"),
        (["threshold=5,12"], {}, naming("config.threshold:", 9)),
        (["scheme=magic"], {}, "config.scheme"),
    ],
)
def test_a_wrong_grid_is_refused(given: list[str], config: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        grid_of(given, config)
