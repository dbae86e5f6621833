"""Parquet: no column that is kept beside the problem refuses a row, and no file ends in a traceback."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from specreason.errors import InvalidField
from specreason.submission.datasets import Format
from specreason.submission.datasets.cells import LARGEST_BINARY, values_of
from specreason.submission.datasets.rows import Report
from specreason.submission.jsonl import LONGEST_LINE
from tests.support.datasets import CASES, as_parquet, read
from tests.support.messages import names

NANOSECONDS = pyarrow.timestamp("ns")
KEPT: dict[str, tuple[Any, list[Any]]] = {
    "nanoseconds": (
        pyarrow.array([1_700_000_000_123_456_789, -1, None], NANOSECONDS),
        ["2023-11-14T22:13:20.123456789", "1969-12-31T23:59:59.999999999", None],
    ),
    "microseconds": (pyarrow.array([datetime(2026, 1, 2, 3, 4, 5, 6)]), ["2026-01-02T03:04:05.000006"]),
    "the first second of Python, and the one before": (
        pyarrow.array([-62_135_596_800, -62_135_596_801], pyarrow.timestamp("s")),
        ["0001-01-01T00:00:00", "0000-12-31T23:59:59"],
    ),
    "the last second of Python, and the one after": (
        pyarrow.array([253_402_300_799, 253_402_300_800], pyarrow.timestamp("s")),
        ["9999-12-31T23:59:59", "+010000-01-01T00:00:00"],
    ),
    "far away": (
        pyarrow.array([2**62, -(2**62)], pyarrow.timestamp("us")),
        ["+148108-07-06T14:00:27.387904", "-144169-06-28T09:59:32.612096"],
    ),
    "utc": (pyarrow.array([datetime(2026, 1, 2, tzinfo=UTC)]), ["2026-01-02T00:00:00+00:00"]),
    "an offset": (
        pyarrow.array([0, 1500], pyarrow.timestamp("ms", "-05:30")),
        ["1969-12-31T18:30:00-05:30", "1969-12-31T18:30:01.500000-05:30"],
    ),
    "no such zone": (pyarrow.array([0], pyarrow.timestamp("s", "Mars/Base")), ["1970-01-01T00:00:00+00:00"]),
    "far away in a zone": (
        pyarrow.array([253_402_300_799], pyarrow.timestamp("s", "+09:00")),
        ["9999-12-31T23:59:59+00:00"],
    ),
    "days": (
        pyarrow.array([0, 2**31 - 1, None], pyarrow.int32()).view(pyarrow.date32()),
        ["1970-01-01", "+5881580-07-11", None],
    ),
    "days in milliseconds": (pyarrow.array([date(2026, 1, 2)], pyarrow.date64()), ["2026-01-02"]),
    "times of day": (
        pyarrow.array([1, 86_399_999_999_999], pyarrow.time64("ns")),
        ["00:00:00.000000001", "23:59:59.999999999"],
    ),
    "times in seconds": (pyarrow.array([86_399], pyarrow.time32("s")), ["23:59:59"]),
    "durations": (
        pyarrow.array([90_500, -1_500, 2**62], pyarrow.duration("ms")),
        ["PT90.5S", "-PT1.5S", "PT4611686018427387.904S"],
    ),
    "decimals": (
        pyarrow.array([Decimal("1.50"), Decimal("9" * 30 + ".00"), None]),
        ["1.50", "9" * 30 + ".00", None],
    ),
    "wide decimals": (pyarrow.array([Decimal("9" * 70)], pyarrow.decimal256(76, 0)), ["9" * 70]),
    "bytes": (pyarrow.array([b"\x00\xff", b"abc", b""]), ["AP8=", "YWJj", ""]),
    "bytes of one size": (pyarrow.array([b"abc", None], pyarrow.binary(3)), ["YWJj", None]),
    "large bytes": (pyarrow.array([b"abc"], pyarrow.large_binary()), ["YWJj"]),
    "numbers": (pyarrow.array([0.1, float("nan"), float("inf"), 1e-07]), [0.1, None, None, 1e-07]),
    "single precision": (pyarrow.array([0.1, float("-inf")], pyarrow.float32()), [0.1, None]),
    "half precision": (pyarrow.array([1.5, float("nan")], pyarrow.float16()), [1.5, None]),
    "unsigned": (pyarrow.array([2**64 - 1], pyarrow.uint64()), [2**64 - 1]),
    "booleans": (pyarrow.array([True, None]), [True, None]),
    "structs": (
        pyarrow.array(
            [{"a": {"at": 5}}, None], pyarrow.struct([("a", pyarrow.struct([("at", NANOSECONDS)]))])
        ),
        [{"a": {"at": "1970-01-01T00:00:00.000000005"}}, None],
    ),
    "lists": (pyarrow.array([[float("nan"), 1.0], None, []]), [[None, 1.0], None, []]),
    "lists of lists": (
        pyarrow.array([[[b"abc"], None], []], pyarrow.large_list(pyarrow.list_(pyarrow.binary()))),
        [[["YWJj"], None], []],
    ),
    "lists of one size": (pyarrow.array([[1, 2], None], pyarrow.list_(pyarrow.int8(), 2)), [[1, 2], None]),
    "maps": (
        pyarrow.array([[("k", 1), ("l", None)], None], pyarrow.map_(pyarrow.string(), pyarrow.int8())),
        [{"k": 1, "l": None}, None],
    ),
    "maps of numbers": (
        pyarrow.array([[(1, "x")]], pyarrow.map_(pyarrow.int8(), pyarrow.string())),
        [[[1, "x"]]],
    ),
    "dictionaries": (pyarrow.array(["x", None, "x"]).dictionary_encode(), ["x", None, "x"]),
    "large text": (pyarrow.array(["x", None], pyarrow.large_string()), ["x", None]),
    "views of text": (pyarrow.array(["x", None], pyarrow.string_view()), ["x", None]),
    "views of lists": (pyarrow.array([["x"], None], pyarrow.list_view(pyarrow.string())), [["x"], None]),
    "nothing": (pyarrow.nulls(2), [None, None]),
    "a uuid": (
        pyarrow.array([bytes(15) + b"\x05"], pyarrow.uuid()),
        ["00000000-0000-0000-0000-000000000005"],
    ),
    "json": (pyarrow.array(['{"a": 1}'], pyarrow.json_()), ['{"a": 1}']),
}


@pytest.mark.parametrize(("column", "values"), KEPT.values(), ids=KEPT)
def test_a_column_of_any_type_has_a_form_in_json(column: Any, values: list[Any]) -> None:
    told = read(as_parquet({"problem": ["p"] * len(values), "kept": column}), Format.PARQUET)
    assert [row["kept"] for row in told.values] == values
    assert [json.loads(row.line) for row in told.rows] == told.values
    assert all("base64" in remark for remark in told.remarks)


def test_given_files_are_read() -> None:
    told = read((CASES / "a01-nanoseconds.parquet").read_bytes(), Format.PARQUET)
    assert [row["answer"] for row in told.values] == ["20", "30"]
    assert told.values[1]["created"].startswith("2023-11-14T22:13:20.123")
    told = read((CASES / "a14-large-picture.parquet").read_bytes(), Format.PARQUET)
    assert [row["answer"] for row in told.values] == ["20", "30"]
    assert told.values[0]["image"]["bytes"].startswith("iVBOR")
    assert told.values[1]["image"]["bytes"] is None
    assert names(told.remarks[0], "image.bytes", "base64")
    assert names(told.remarks[1], "image.bytes", LARGEST_BINARY)


def test_large_bytes_are_left_out_and_said_once_for_each_column() -> None:
    large = [b"x" * (LARGEST_BINARY + 1)] * 3
    told = read(as_parquet({"problem": ["p"] * 3, "a": large, "b": large}), Format.PARQUET)
    assert told.values == [{"problem": "p", "a": None, "b": None}] * 3
    assert len(told.remarks) == 2
    fits = read(as_parquet({"problem": ["p"], "a": [b"x" * LARGEST_BINARY]}), Format.PARQUET)
    assert all("base64" in remark for remark in fits.remarks)


def test_a_problem_in_bytes_is_text_and_said_to_be() -> None:
    told = read(as_parquet({"problem": [b"1 + 1?"], "answer": [b"2"], "kept": [b"2"]}), Format.PARQUET)
    assert told.values == [{"problem": "1 + 1?", "answer": "2", "kept": "Mg=="}]
    assert len(told.remarks) == 3


def test_a_row_is_not_refused_for_what_is_kept_with_it() -> None:
    told = read(
        as_parquet({"problem": ["p", "q"], "notes": [["x" * 1000] * 2000, ["y"]], "tag": ["a", "b"]}),
        Format.PARQUET,
    )
    assert told.values == [
        {"problem": "p", "notes": None, "tag": "a"},
        {"problem": "q", "notes": ["y"], "tag": "b"},
    ]
    assert names(told.remarks[0], "'notes'", LONGEST_LINE)


def test_text_that_is_not_utf8_is_shown_and_said() -> None:
    broken = pyarrow.array([b"a\xff", b"b"]).view(pyarrow.string())
    told = read(as_parquet({"problem": ["p", "q"], "kept": broken}), Format.PARQUET)
    assert [row["kept"] for row in told.values] == ["a\ufffd", "b"]
    assert names(told.remarks[0], "'kept'", "UTF-8")


def test_a_column_that_cannot_be_read_is_left_out_and_said() -> None:
    class Odd:
        type = pyarrow.month_day_nano_interval()

        def __len__(self) -> int:
            return 2

        def to_pylist(self) -> list[Any]:
            raise OverflowError("too far")

    said: list[str] = []
    report = Report(on_remark=said.append)
    assert values_of(Odd(), "odd", report) == values_of(Odd(), "odd", report) == [None, None]
    assert len(said) == 1
    assert names(said[0], "'odd'", "too far")


def test_rows_in_many_batches_and_groups_are_as_the_library_reads_them() -> None:
    number = 5000
    columns: dict[str, Any] = {
        "problem": [f"p{place % 17}" if place % 2 else None for place in range(number)],
        "map": pyarrow.array(
            [[("k", place)] if place % 3 else None for place in range(number)],
            pyarrow.map_(pyarrow.string(), pyarrow.int64()),
        ),
        "list": [["x"] * (place % 4) if place % 5 else None for place in range(number)],
        "struct": [{"a": str(place)} if place % 7 else None for place in range(number)],
    }
    expected = pyarrow.table(columns).to_pylist(maps_as_pydicts="strict")
    told = read(as_parquet(columns, row_group_size=1700), Format.PARQUET)
    assert told.values == expected
    assert told.rows[-1].where == f"row {number}"


GOOD = as_parquet({"problem": ["p", "q"] * 50, "at": pyarrow.array([1, 2] * 50, NANOSECONDS)})


@pytest.mark.parametrize(
    ("content", "field", "says"),
    [
        (b"PAR1 no", "file", ("Parquet", "cut off")),
        (GOOD[:-20], "file", ("Parquet", "cut off")),
        (b"PAR1PAR1", "file", ("Parquet",)),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "file", ("Parquet",)),
        (b"problem\n", "file", ("Parquet",)),
        (as_parquet({}), "file", ("no problems", "columns")),
        (as_parquet({"problem": pyarrow.array([], pyarrow.string())}), "file", ("no problems", "rows")),
    ],
)
def test_a_file_that_is_no_parquet_says_so(content: bytes, field: str, says: tuple[str, ...]) -> None:
    with pytest.raises(InvalidField) as raised:
        read(content, Format.PARQUET)
    assert raised.value.field == field
    assert names(raised.value.reason, *says)


def test_two_columns_of_one_name_are_refused() -> None:
    import io

    out = io.BytesIO()
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["problem", "problem"])
    parquet.write_table(twice, out)
    with pytest.raises(InvalidField, match=r"^header: .*'problem'"):
        read(out.getvalue(), Format.PARQUET)


@pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
def test_a_damaged_file_is_read_or_refused(compression: str) -> None:
    columns = {"problem": ["p", "q"] * 20, "at": pyarrow.array([1, 2] * 20, NANOSECONDS)}
    whole = as_parquet(columns, compression=compression)
    draw = random.Random(1)
    num_refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(4, len(whole) - 4)] = draw.randrange(256)
        try:
            read(bytes(damaged), Format.PARQUET)
        except InvalidField:
            num_refused += 1
    assert num_refused


@pytest.mark.parametrize(
    "error", [OverflowError, ValueError, KeyError, NotImplementedError, MemoryError, OSError]
)
def test_whatever_the_library_raises_is_an_error_of_the_file(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("of its own")

    monkeypatch.setattr(parquet, "ParquetFile", fail)
    with pytest.raises(InvalidField, match=r"^file: .*Parquet.*of its own"):
        read(GOOD, Format.PARQUET)


def test_a_file_of_more_data_than_a_limit_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("specreason.submission.datasets.parquet.MOST_UNPACKED", 1000)
    repeated = as_parquet({"problem": ["x" * 100] * 9, "n": list(range(9))}, use_dictionary=False)
    with pytest.raises(InvalidField, match=r"^file: .*1000"):
        read(repeated, Format.PARQUET)


def test_a_text_that_a_short_file_repeats_very_often_is_held_once() -> None:
    text = "x" * 900_000
    repeated = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, pyarrow.int32()), [text])
    content = as_parquet({"problem": ["p"] * 2000, "long": repeated})
    assert len(content) < 100_000
    from io import BytesIO

    from specreason.submission.datasets import read_rows

    rows = read_rows(BytesIO(content), Format.PARQUET)
    before = pyarrow.total_allocated_bytes()
    first, second = next(rows), next(rows)
    assert first.values["long"] is second.values["long"]
    assert pyarrow.total_allocated_bytes() - before < 100 * len(text)
