"""The rows of a JSONL file: its lines as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from specreason.submission.datasets.rows import LONGEST_ROW, Report, Row, row_of
from specreason.submission.jsonl import LONGEST_LINE, lines_of, object_in

# Lists, objects and commas in a line that is too long to be sent. Each one read takes up to a hundred bytes of memory.
MOST_PARTS = 1_000_000


def jsonl_rows(file: BinaryIO, report: Report, *, most_blank: int | None) -> Iterator[Row]:
    """Yield the rows, without blank lines and without byte order marks."""
    for line in lines_of(file, most_blank=most_blank, longest=LONGEST_ROW):
        row = row_in(f"line {line.number}", line.content, report)
        if row is not None:
            yield row


def row_in(where: str, written: bytes, report: Report) -> Row | None:
    """Return the row that is `written` in JSON, or None for a bad one.

    Numbers that JSON lacks, such as NaN, become None, as pandas and Python write them where there is no value.
    """
    if len(written) > LONGEST_LINE and (
        len(written) > LONGEST_ROW or has_many_parts(written.decode("latin-1"))
    ):
        report.bad(where, f"is longer than {LONGEST_LINE} bytes")
        return None
    try:
        return row_of(where, object_in(written), report, written=written)
    except ValueError:
        pass
    try:
        values = object_in(written, lenient=True)
    except ValueError as error:
        is_too_long = len(written) > LONGEST_LINE
        report.bad(where, f"is longer than {LONGEST_LINE} bytes" if is_too_long else str(error))
        return None
    return row_of(where, values, report)


def has_many_parts(text: str) -> bool:
    return sum(text.count(sign) for sign in "{[,") > MOST_PARTS
