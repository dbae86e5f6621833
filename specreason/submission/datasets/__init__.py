"""A dataset's rows, one by one, from JSON, CSV or Parquet. Errors name the line, row or item, counted from 1.

The file's first bytes say what it is; its name, or the user, decides only where they do not.
"""

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.json_lists import json_list_rows
from specreason.submission.datasets.json_shapes import JsonShape, json_shape
from specreason.submission.datasets.jsonl import jsonl_rows
from specreason.submission.datasets.kinds import Format, format_of, kind_of
from specreason.submission.datasets.parquet import parquet_rows
from specreason.submission.datasets.plain import plain_text
from specreason.submission.datasets.rows import Report, Row
from specreason.submission.datasets.separators import Layout, layout_of
from specreason.submission.datasets.tables import table_rows

__all__ = ["Format", "Row", "format_of", "read_rows"]

SEPARATOR_OF = {Format.CSV: ",", Format.TSV: "\t"}
SIGNS = {"\t": "tabs", " ": "spaces", ",": "commas", ";": "semicolons"}
NONE_IN = {
    Format.JSONL: "it has no objects",
    Format.CSV: "it has no rows under a header",
    Format.TSV: "it has no rows under a header",
    Format.PARQUET: "this Parquet file has no rows",
}


def read_rows(
    file: BinaryIO,
    written: Format | None,
    *,
    on_bad: Callable[[str, InvalidField], None] | None = None,
    on_remark: Callable[[str], None] | None = None,
    most_blank: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of an open, seekable file from its beginning. Memory holds only the current ones.

    `written` is None where only the content says the format. `on_bad` gets the place and error of each bad row, which
    is then left out; without it the error is raised. `on_remark` gets sentences on how the file is read, each once.
    Raises InvalidField for a file that cannot be read or has no rows, and after `most_blank` blank lines.
    """
    report = Report(on_bad=on_bad, on_remark=on_remark)
    head, text = plain_text(file, report)
    if not head.removeprefix(codecs.BOM_UTF8):
        raise InvalidField("file", "has no problems: it is empty")
    found = _format(head, written, report)
    rows = _rows(text, head, found, report, most_blank)
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
    if is_empty and not report.num_bad:
        raise InvalidField("file", f"has no problems: {NONE_IN[found]}")


def _rows(
    file: BinaryIO, head: bytes, written: Format, report: Report, most_blank: int | None
) -> Iterator[Row]:
    match written:
        case Format.PARQUET:
            return parquet_rows(file, report)
        case Format.JSONL:
            shape = json_shape(head)
            if shape is None or shape is JsonShape.LINES:
                return jsonl_rows(file, report, most_blank=most_blank)
            return json_list_rows(file, shape, report)
        case Format.CSV | Format.TSV:
            return table_rows(
                file, _layout(head, SEPARATOR_OF[written], report), report, most_blank=most_blank
            )


def _format(head: bytes, written: Format | None, report: Report) -> Format:
    """The format of the file that begins so, which is `written` by its name. Raises InvalidField if it has none."""
    kind = kind_of(head)
    if kind is None:
        if written is Format.PARQUET:
            raise InvalidField("file", "is not Parquet")
        return written or Format.JSONL
    if kind.format is None:
        raise InvalidField("file", str(kind))
    if kind.format in SEPARATOR_OF and written in SEPARATOR_OF:
        return written
    if kind.format in SEPARATOR_OF and written is Format.JSONL:
        raise InvalidField("file", str(kind))
    if written not in (None, kind.format):
        name = "JSON" if kind.format is Format.JSONL else kind.format.name
        report.say(f"the file is read as {name}, which it is, and not as {written.name}")
    return kind.format


def _layout(head: bytes, expected: str, report: Report) -> Layout:
    layout = layout_of(head.removeprefix(codecs.BOM_UTF8), expected) or Layout(separator=expected)
    sign = SIGNS.get(layout.separator, f"'{layout.separator}'")
    if layout.is_named:
        report.say(f"the cells are separated by {sign}, as the first line says")
    elif layout.separator != expected:
        report.say(f"the cells are separated by {sign}")
    if layout.has_spaces:
        report.say("spaces after the separators belong to no cell")
    return layout
