"""What a file is, by its name and by its first bytes, and what helps where no rows can be read from it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from specreason.errors import InvalidField
from specreason.submission.datasets.json_shapes import JsonShape, json_shape
from specreason.submission.datasets.separators import layout_of
from specreason.words import none_of, shown

PARQUET, ENCRYPTED = b"PAR1", b"PARE"
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
PARTS_OF_A_WORKBOOK = (b"[Content_Types].xml", b"docProps/", b"xl/", b"opendocument.spreadsheet")
AS_CSV = "export the sheet as 'CSV UTF-8' and give that"
AS_UTF8 = "save the file as UTF-8"
UNPACK = "unpack it and give a file from it"
AS_ROWS = "write it as Parquet, CSV or JSONL"
# Where a file from which no rows are read has which bytes, what it is, and what helps.
OTHERS = (
    (
        0,
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file itself",
        "fetch that with 'git lfs pull'",
    ),
    (0, ENCRYPTED, "is encrypted Parquet", "write it without encryption"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook", AS_CSV),
    (0, b"\xfd7zXZ\x00", "is compressed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    (0, b"\x04\x22\x4d\x18", "is compressed with lz4", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "is a rar archive", UNPACK),
    (0, b"ARROW1\x00\x00", "is an Arrow or Feather file", AS_ROWS),
    (0, b"\xff\xff\xff\xff", "is an Arrow stream", AS_ROWS),
    (0, b"Obj\x01", "is an Avro file", AS_ROWS),
    (0, b"SQLite format 3\x00", "is an SQLite database", AS_ROWS),
    (0, b"\x89HDF\r\n", "is an HDF5 file", AS_ROWS),
    (0, b"\x93NUMPY", "is a NumPy file", AS_ROWS),
    (0, b"\x80\x02", "is a Python pickle", AS_ROWS),
    (0, b"\x80\x03", "is a Python pickle", AS_ROWS),
    (0, b"\x80\x04", "is a Python pickle", AS_ROWS),
    (0, b"\x80\x05", "is a Python pickle", AS_ROWS),
    (0, b"%PDF-", "is a PDF", AS_ROWS),
    (0, b"{\\rtf", "is rich text", "save it as plain text"),
    (0, GZIP, "is compressed with gzip", "send it as plain text (gunzip)"),
    (4, b"1AY&SY", "is compressed with bzip2", UNPACK),
    (257, b"ustar", "is a tar archive", UNPACK),
    (0, codecs.BOM_UTF16_LE, "is UTF-16 or UTF-32", AS_UTF8),
    (0, codecs.BOM_UTF16_BE, "is UTF-16", AS_UTF8),
    (0, codecs.BOM_UTF32_BE, "is UTF-32", AS_UTF8),
)
PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|!--|svg|error)", re.IGNORECASE)
TITLE = re.compile(rb"<(title|message)[^<>]*>([^<]{1,200})<", re.IGNORECASE)


class Format(StrEnum):
    """The file format of a dataset."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


SUFFIXES = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a file is. `format` is the one in which rows are read from it, if there is one.

    `what` says it, such as "is a PDF", and `advice` what helps somebody who needs lines of JSON objects, or rows.
    """

    what: str
    advice: str
    format: Format | None = None

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}"


def format_of(path: str, named: str | None = None, *, option: str = "--format") -> Format | None:
    """Return the format called `named`, else the one of the name in `path`; None where only the content says it.

    Touches no file. Raises InvalidField for a format of another name; `option` is what the user chose it with.
    """
    if named is not None:
        if named not in set(Format):
            raise InvalidField(option, none_of(named, tuple(Format)))
        return Format(named)
    if path == "-":
        return Format.JSONL
    return SUFFIXES.get(PurePath(path.lower().removesuffix(".gz")).suffix)


def kind_of(head: bytes) -> Kind | None:
    """What a file with these first bytes is, or None if they do not say. They are as stored, or plain text."""
    if head.startswith(PARQUET):
        return Kind(what="is Parquet", advice="write its rows as JSONL", format=Format.PARQUET)
    return _binary(head) or _text(head.removeprefix(codecs.BOM_UTF8))


def complaint_on(head: bytes) -> str | None:
    """What is wrong with a file that must be JSONL and begins so; None if it may be JSONL."""
    kind = kind_of(head)
    if kind is None or kind is LINES:
        return None
    is_table = kind.format in (Format.CSV, Format.TSV)
    return f"{kind.what}; write each row as a JSON object in a line of its own" if is_table else str(kind)


def _binary(head: bytes) -> Kind | None:
    for offset, sign, what, advice in OTHERS:
        if head.startswith(sign, offset):
            return Kind(what=what, advice=advice)
    if head.startswith(ZIP):
        if any(part in head for part in PARTS_OF_A_WORKBOOK):
            return Kind(what="is a workbook of a spreadsheet, such as .xlsx", advice=AS_CSV)
        return Kind(what="is a zip archive", advice=UNPACK)
    return _with_nul(head)


def _with_nul(head: bytes) -> Kind | None:
    """What a file with NUL bytes is, unless they are few in what is else UTF-8."""
    if b"\0" not in head:
        return None
    if not head.strip(b"\0"):
        return Kind(
            what="has only NUL bytes", advice="it was not written to its end, so make or copy it again"
        )
    first = [byte != 0 for byte in head[:4]]
    if first in ([True, False, True, False], [False, True, False, True], [True, False], [False, True]):
        return Kind(what="is UTF-16 without a byte order mark", advice=AS_UTF8)
    if sum(first) == 1 and (first[0] or first[3]):
        return Kind(what="is UTF-32 without a byte order mark", advice=AS_UTF8)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return Kind(what="is no text", advice=AS_ROWS)
    return None


def _text(head: bytes) -> Kind | None:
    if PAGE.match(head):
        title = TITLE.search(head)
        called = f" ({shown(title[2].decode(errors='replace').strip())})" if title else ""
        advice = "the download has failed or needed a login, so get the file itself"
        return Kind(what=f"is a web page or XML{called}, no dataset", advice=advice)
    shape = json_shape(head)
    if shape is not None:
        return LINES if shape is JsonShape.LINES else BY_SHAPE[shape]
    if head.lstrip().startswith((b"{", b"[")):
        return None
    layout = layout_of(head)
    if layout is not None:
        written = Format.TSV if layout.separator == "\t" else Format.CSV
        advice = f"name it so ('.{written}'), or say the format ({written})"
        return Kind(what=f"looks like {written.upper()}, not JSONL", advice=advice, format=written)
    return None


LINES = Kind(what="is JSONL", advice="", format=Format.JSONL)
BY_SHAPE = {
    JsonShape.LIST: Kind(
        what="is one JSON list, not JSONL",
        advice="write each item in a line of its own, without the brackets around them and commas between them",
        format=Format.JSONL,
    ),
    JsonShape.WRAPPED: Kind(
        what="is one JSON object with a list in it, not JSONL",
        advice="write each item of the list in a line of its own",
        format=Format.JSONL,
    ),
    JsonShape.SPREAD: Kind(
        what="has JSON objects over several lines, not JSONL",
        advice="write each object in one line (jq -c . does)",
        format=Format.JSONL,
    ),
}
