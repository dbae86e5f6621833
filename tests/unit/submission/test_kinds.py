"""What a file really is, is said, whatever its name says."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zipfile

import pytest

from specreason.errors import InvalidField
from specreason.submission.datasets import Format, format_of
from specreason.submission.datasets.kinds import complaint_on
from tests.support.datasets import CASES, as_parquet, read
from tests.support.messages import names

ROW = b'{"problem": "1 + 1?", "answer": "2"}'
VALUES = {"problem": "1 + 1?", "answer": "2"}
LIST = b"[" + ROW + b",\n" + ROW + b"]"
TABLE = "problem\tanswer\nWie groß?\t2\n"


def zipped(*entries: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in entries:
            archive.writestr(name, "x")
    return out.getvalue()


OTHERS = {
    "pointer": ((CASES / "a07-lfs-pointer.parquet").read_bytes(), ("LFS", "git lfs pull")),
    "page": ((CASES / "a07-saved-error-page.jsonl").read_bytes(), ("web page", "401 Unauthorized")),
    "page in capitals": (b"\n <HTML><head>", ("web page",)),
    "error of a bucket": (
        b'<?xml version="1.0"?><Error><Message>Denied</Message></Error>',
        ("XML", "Denied"),
    ),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), ("workbook", "CSV UTF-8")),
    "xlsx of openpyxl": (zipped("docProps/app.xml", "xl/workbook.xml"), ("workbook", "CSV UTF-8")),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ("Excel", "CSV UTF-8")),
    "zip": (zipped("problems.jsonl"), ("zip", "unpack")),
    "gzip in gzip": (gzip.compress(gzip.compress(ROW, mtime=0), mtime=0), ("gzip",)),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(9), ("zstd", "unpack")),
    "bzip2": (b"BZh91AY&SY" + bytes(9), ("bzip2", "unpack")),
    "tar": (b"problems.jsonl".ljust(257, b"\0") + b"ustar\0", ("tar", "unpack")),
    "arrow": (b"ARROW1\0\0" + bytes(9), ("Arrow", "Parquet")),
    "pickle": (b"\x80\x05\x95" + bytes(9), ("pickle", "JSONL")),
    "pdf": (b"%PDF-1.7\n\xff", ("PDF",)),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(9), ("no text",)),
    "nul bytes": (bytes(4096), ("NUL",)),
    "encrypted parquet": (b"PARE" + bytes(99) + b"PARE", ("encrypted", "Parquet")),
    "utf-16 without mark": (TABLE.encode("utf-16-le"), ("UTF-16", "byte order mark", "UTF-8")),
    "utf-16 in big end": (ROW.decode().encode("utf-16-be"), ("UTF-16", "byte order mark", "UTF-8")),
    "utf-32 without mark": (TABLE.encode("utf-32-le"), ("UTF-32", "byte order mark", "UTF-8")),
}


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet", "x"])
@pytest.mark.parametrize(("content", "says"), OTHERS.values(), ids=OTHERS)
def test_a_file_without_rows_is_named_for_what_it_is(
    content: bytes, says: tuple[str, ...], name: str
) -> None:
    with pytest.raises(InvalidField) as raised:
        read(content, format_of(name))
    assert raised.value.field == "file"
    assert names(raised.value.reason, *says)


@pytest.mark.parametrize(("content", "says"), OTHERS.values(), ids=OTHERS)
def test_a_file_of_requests_that_is_none_is_named_alike(content: bytes, says: tuple[str, ...]) -> None:
    complaint = complaint_on(content)
    assert complaint is not None
    assert names(complaint, *says) or content.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (LIST, "JSON list"),
        (b"[]", "JSON list"),
        (b'{"data": ' + LIST + b"}", "JSON object"),
        (json.dumps(VALUES, indent=2).encode(), "several lines"),
        (b"problem;answer\nx;1\n", "CSV"),
        (b"sep=;\nproblem;answer\nx;1\n", "CSV"),
        (TABLE.encode(), "TSV"),
        (TABLE.encode("utf-16"), "UTF-16"),
        (as_parquet({"problem": ["x"]}), "Parquet"),
        (gzip.compress(ROW, mtime=0), "gzip"),
    ],
)
def test_what_a_dataset_may_be_and_requests_may_not_is_a_complaint(content: bytes, says: str) -> None:
    assert names(complaint_on(content) or "", says)


@pytest.mark.parametrize(
    "content",
    [
        ROW,
        codecs.BOM_UTF8 + ROW + b"\n" + ROW,
        b"\n\n" + ROW,
        b"{not json\n" + ROW,
        b'{"problem": "\xff"}',
        b'{"problem": "cut here',
        b"not json",
        b"[1]\n[2]\n",
        b'{"problem": "x", "data": [{"a": 1}]}',
        b"",
    ],
)
def test_lines_with_errors_of_their_own_are_no_complaint_about_the_file(content: bytes) -> None:
    assert complaint_on(content) is None


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.tsv", "x.parquet", "x.txt", "x"])
@pytest.mark.parametrize(
    ("content", "values"),
    [
        (as_parquet({"problem": ["x"]}), [{"problem": "x"}]),
        (ROW + b"\n" + ROW, [VALUES, VALUES]),
        (LIST, [VALUES, VALUES]),
        (gzip.compress(ROW, mtime=0), [VALUES]),
    ],
    ids=["parquet", "jsonl", "list", "gzip"],
)
def test_what_is_unmistakable_is_read_under_any_name(
    name: str, content: bytes, values: list[dict[str, str]]
) -> None:
    told = read(content, format_of(name))
    assert told.values == values
    is_clear = name in ("x.txt", "x") or (name == "x.parquet") == content.startswith(b"PAR1")
    assert told.remarks or (is_clear or name == "x.jsonl")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("-", Format.JSONL),
        ("a.JSONL", Format.JSONL),
        ("a.json", Format.JSONL),
        ("b/c.csv", Format.CSV),
        ("b/c.csv.gz", Format.CSV),
        ("x.TSV.GZ", Format.TSV),
        ("x.parquet", Format.PARQUET),
        ("x.xlsx", None),
        ("x", None),
        ("\0/../x\n", None),
    ],
)
def test_the_name_says_how_a_file_is_written_or_leaves_it_to_the_content(
    path: str, written: Format | None
) -> None:
    assert format_of(path) is written
    assert format_of(path, "csv") is Format.CSV


def test_a_format_that_there_is_not_is_refused_as_the_option_that_named_it() -> None:
    with pytest.raises(InvalidField, match=r"^format: .*'parquet'") as raised:
        format_of("x.csv", "parquett", option="format")
    assert raised.value.field == "format"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("zipped", [False, True])
def test_text_with_a_byte_order_mark_is_read_in_its_encoding(encoding: str, zipped: bool) -> None:
    content = TABLE.encode(encoding)
    told = read(gzip.compress(content, mtime=0) if zipped else content, Format.CSV)
    assert told.values == [{"problem": "Wie groß?", "answer": "2"}]
    assert any("tabs" in each for each in told.remarks)
    assert any(encoding.upper() in each for each in told.remarks) or encoding == "utf-8-sig"
    assert any("gzip" in each for each in told.remarks) is zipped


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(ROW * 999, mtime=0)[:-12], "gzip"),
        (gzip.compress(ROW, mtime=0)[:8] + b"\xff" * 99, "gzip"),
        (ROW.decode().encode("utf-16")[:-1], "UTF-16"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8{\x00" * 9, "UTF-16"),
        (gzip.compress(as_parquet({"problem": ["x"]}), mtime=0), "Parquet"),
    ],
    ids=["cut gzip", "broken gzip", "cut utf-16", "half a pair", "parquet in gzip"],
)
def test_what_cannot_be_unpacked_or_decoded_is_an_error_of_the_file(content: bytes, says: str) -> None:
    with pytest.raises(InvalidField, match=r"^file: ") as raised:
        read(content)
    assert names(raised.value.reason, says)


def test_gzip_that_unpacks_without_end_is_read_no_further_than_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("specreason.submission.datasets.plain.MOST_UNPACKED", 3_000_000)
    with pytest.raises(InvalidField, match=r"^file: .*3000000 bytes"):
        read(gzip.compress((b" " * 999_999 + b"\n") * 5))


@pytest.mark.parametrize("written", [*Format, None])
@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, b"\n \r\n"])
def test_a_file_without_anything_has_no_problems(content: bytes, written: Format | None) -> None:
    with pytest.raises(InvalidField, match=r"^file: .*(no problems|not Parquet)"):
        read(content, written)


@pytest.mark.parametrize(
    ("content", "written", "says"),
    [
        (b"problem,answer\n", Format.CSV, "header"),
        (b"\r\n;;\r\nproblem;answer\r\n", Format.CSV, "header"),
        (b"[]", Format.JSONL, "no problems"),
        (b'{"data": []}', Format.CSV, "data"),
    ],
)
def test_a_file_with_a_beginning_alone_has_no_problems_either(
    content: bytes, written: Format, says: str
) -> None:
    if says == "data":  # a row like any other
        assert read(content, written).values == [{"data": []}]
        return
    with pytest.raises(InvalidField, match=r"^file: has no problems") as raised:
        read(content, written)
    assert names(raised.value.reason, says)
