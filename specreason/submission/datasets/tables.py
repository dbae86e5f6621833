"""The rows of a table in text: CSV, and the same with other separators."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.rows import LONGEST_ROW, Report, Row, check_column_names, row_of
from specreason.submission.datasets.separators import FEWEST, Layout
from specreason.submission.jsonl import not_utf8
from specreason.words import counted

MARK = "\ufeff"
# Of a sheet in Excel.
MOST_COLUMNS = 16_384


def table_rows(
    file: BinaryIO, layout: Layout, report: Report, *, most_blank: int | None = None
) -> Iterator[Row]:
    """Yield the rows under the header. Blank rows, and columns without a name and cells, are none.

    Raises InvalidField for a header without rows, and for a quote that is never closed.
    """
    records = _records(file, layout, report, most_blank)
    header: list[str] = []
    for where, cells in records:
        if not header:
            header = _header_of(cells)
        elif cells == header:
            report.say(f"{where} repeats the header and is left out")
        elif (values := _values(where, header, cells, report)) is not None:
            row = row_of(where, values, report)
            if row is not None:
                yield row


def _header_of(cells: list[str]) -> list[str]:
    """The names of the columns. Tables that were written with their index begin with one that has none."""
    if len(cells) > MOST_COLUMNS:
        raise InvalidField("header", f"has {len(cells)} columns; at most {MOST_COLUMNS} are read")
    header = [name if name.strip() else f"column {place}" for place, name in enumerate(cells, start=1)]
    check_column_names(header)
    return header


def _values(where: str, header: list[str], cells: list[str], report: Report) -> dict[str, str | None] | None:
    """The cells by their columns, or None for a bad row. An empty cell is how CSV says that there is none."""
    beyond = cells[len(header) :]
    if any(cell.strip() for cell in beyond) or len(cells) < min(FEWEST, len(header)):
        width = counted(len(cells), "column")
        report.bad(
            where, f"has {width}, the header {len(header)}; quote a cell that has separators or lines in it"
        )
        return None
    if len(cells) < len(header):
        # Excel leaves out empty cells at the end of a row.
        report.say(
            f"{where} has fewer cells than the header; such rows have none in their last columns",
            once="short",
        )
    # The cells that it lacks stay away: a short row of a wide table is small.
    return {
        name: cell or None
        for place, (name, cell) in enumerate(zip(header, cells, strict=False), start=1)
        if cell.strip() or name != f"column {place}"
    }


def _records(
    file: BinaryIO, layout: Layout, report: Report, most_blank: int | None
) -> Iterator[tuple[str, list[str]]]:
    """Yield the header and the rows, each with its place, without blank ones. A bad one is told."""
    csv.field_size_limit(LONGEST_ROW)
    lines = _Lines(file)
    if layout.is_named:
        next(lines, None)
    parsed = csv.reader(lines, delimiter=layout.separator, skipinitialspace=layout.has_spaces, strict=True)
    number = num_blank = 0
    has_header = False
    while True:
        lines.begin_record()
        cells: list[str] = []
        try:
            cells = next(parsed)
            fault = lines.bad
        except StopIteration:
            return
        except csv.Error as error:
            fault = lines.fault(error)
        number += has_header
        if fault is not None:
            if not has_header or lines.has_ended:
                raise InvalidField(*fault)
            report.bad(*fault)
        elif any(cell.strip() for cell in cells):
            yield f"row {number}", cells
            has_header = True
        else:
            num_blank += 1
            if most_blank is not None and num_blank > most_blank:
                raise InvalidField("file", f"has more than {counted(most_blank, 'blank line')}")


class _Lines:
    """The lines of a file for the csv module, with what it does not say about them.

    `number` counts them. `bad` is the place and reason where the record, as far as it is read, is not UTF-8.
    """

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self.number, self.has_ended = 0, False
        self.bad: tuple[str, str] | None = None
        self._file = file
        self._waiting: deque[str] = deque()
        self._began = self._size = 0
        self._opened: int | None = None
        self._open_before: int | None = None

    def begin_record(self) -> None:
        self.bad, self._size, self._began = None, 0, self.number + 1
        self._opened = self._open_before = None

    def fault(self, error: csv.Error) -> tuple[str, str]:
        """The place and reason of what the csv module refuses: where a quote opens, if that is on an earlier line."""
        if self.has_ended:
            return (
                f"line {self._opened or self._began}",
                "is not CSV: the quote that opens there is never closed",
            )
        if self._open_before is not None:
            reason = f"is not CSV: the quote that opens there ends inside a cell of line {self.number}"
            return f"line {self._open_before}", reason
        hint = "; inside quotes, write a quote twice" if "expected after" in str(error) else ""
        return f"line {self.number}", f"is not CSV ({error}){hint}"

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._read()
        self.number += 1
        self._follow_quotes(line)
        if self.number == self._began:
            line = line.lstrip(MARK)
        return line

    def _follow_quotes(self, line: str) -> None:
        """Note on which line the quote opened that is open before `line`, and the one that is open after it."""
        self._open_before = self._opened
        num_quotes = line.replace('""', "").count('"')
        if num_quotes:
            is_open = (self._opened is not None) != (num_quotes % 2 == 1)
            self._opened = self.number if is_open else None

    def _read(self) -> str:
        content = self._file.readline(LONGEST_ROW + 1)
        if not content:
            self.has_ended = True
            raise StopIteration
        self._size += len(content)
        if self._size > LONGEST_ROW:
            reason = f"begins a row of more than {LONGEST_ROW} bytes; perhaps a quote that opens there is never closed"
            raise InvalidField(f"line {self._opened or self._began}", reason)
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            self.bad = self.bad or (f"line {self.number + 1}", not_utf8(error))
            text = content.decode(errors="replace")
        if "\r" not in text.rstrip("\r\n"):
            return text
        first, *others = io.StringIO(text, newline="")
        self._waiting.extend(others)
        return first
