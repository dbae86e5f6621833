"""The rows in a list of JSON objects, in a list inside one object, or in objects over several lines.

Memory holds a few of them, not the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from specreason.errors import InvalidField
from specreason.submission.datasets.json_shapes import LIST, JsonShape, is_row_list
from specreason.submission.datasets.jsonl import has_many_parts, row_in
from specreason.submission.datasets.rows import LONGEST_ROW, Report, Row
from specreason.submission.jsonl import LONGEST_LINE, TOO_DEEP, not_utf8, whole_or_text

BLANK = re.compile(r"\s*")
CHUNK = 1 << 16  # bytes
_DECODER = json.JSONDecoder(parse_int=whole_or_text)


def json_list_rows(file: BinaryIO, shape: JsonShape, report: Report) -> Iterator[Row]:
    """Yield the rows of a file whose shape is not that of lines. An item that is no object is a bad row.

    Raises InvalidField where the file is no JSON, since nothing tells where its next item begins.
    """
    text = _Text(file)
    if shape is JsonShape.SPREAD:
        report.say("each JSON object is a row, over however many lines it goes")
        while text.peek():
            yield from _row(text, report)
    elif shape is JsonShape.LIST:
        yield from _items(text, report)
    else:
        yield from _in_object(text, report)
    if text.peek():
        raise text.error(f"more follows the end of the {'list' if shape is JsonShape.LIST else 'object'}")


def _items(text: _Text, report: Report) -> Iterator[Row]:
    text.take("[")
    while text.peek() != "]":
        yield from _row(text, report)
        if text.peek() != "]":
            text.take(",")
    text.take("]")


def _in_object(text: _Text, report: Report) -> Iterator[Row]:
    rows_of = None
    text.take("{")
    while text.peek() != "}":
        key, _ = text.value()
        text.take(":")
        if isinstance(key, str) and text.begins_rows(key):
            if rows_of is not None:
                lists = f"has two lists of objects, '{rows_of}' and '{key}'"
                raise InvalidField("file", f"{lists}; write the one that is meant into a file of its own")
            rows_of = key
            report.say(f"the problems are the list '{key}' in the file's object")
            yield from _items(text, report)
        else:
            text.value()
        if text.peek() != "}":
            text.take(",")
    text.take("}")


def _row(text: _Text, report: Report) -> Iterator[Row]:
    text.number += 1
    _, written = text.value()
    # A line break inside a JSON text is written as \n; any other one is a space between its parts.
    line = written.replace("\r", " ").replace("\n", " ").encode()
    row = row_in(text.place, line, report)
    if row is not None:
        yield row


class _Text:
    """The text of a file, from which JSON is taken part by part. `number` counts the items that were begun."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self.number = 0
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended, self._lines = "", 0, False, 1

    @property
    def place(self) -> str:
        return f"item {self.number}"

    def peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            blank = BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._fill(1)

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise self.error(f"'{expected}' is expected")
        self._at += 1

    def begins_rows(self, key: str) -> bool:
        """Whether the value under `key`, which is next, is a list of rows."""
        if self.peek() != "[":
            return False
        self._fill(LONGEST_LINE)
        if not LIST.match(self._text, self._at):
            return False
        try:
            item, _ = _DECODER.raw_decode(self._text, self._text.index("{", self._at))
        except (ValueError, RecursionError):
            item = {}  # a long one, or an error that is found when it is read
        return is_row_list(key, item)

    def value(self) -> tuple[Any, str]:
        """The next JSON value, and how it is written."""
        self.peek()
        for length in (LONGEST_LINE, LONGEST_ROW):
            self._fill(length)
            if length == LONGEST_ROW and has_many_parts(self._text):
                raise self.error(f"it is longer than {LONGEST_LINE} bytes")
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise self.error(TOO_DEEP) from None
            except json.JSONDecodeError as error:
                if self._ended or length == LONGEST_ROW:
                    is_cut = error.msg.startswith("Unterminated")
                    self._at = len(self._text) if is_cut else max(self._at, error.pos)
                    raise self.error(error.msg) from None
            except ValueError as error:
                raise self.error(str(error)) from None
            else:
                written, self._at = self._text[self._at : end], end
                return value, written
        raise AssertionError

    def error(self, reason: str) -> InvalidField:
        """An error at the next character."""
        if self._ended and self._at >= len(self._text):
            reason = f"the file ends before its JSON does ({reason})"
        line = self._lines + self._text.count("\n", 0, self._at)
        return InvalidField(f"line {line}", f"is not JSON, in {self.place}: {reason}")

    def _fill(self, length: int) -> None:
        """Have at least `length` characters, or all."""
        if len(self._text) - self._at >= length or self._ended:
            return
        self._lines += self._text.count("\n", 0, self._at)
        parts, size = [self._text[self._at :]], len(self._text) - self._at
        while size < length + LONGEST_LINE and not self._ended:
            chunk = self._file.read(CHUNK)
            self._ended = not chunk
            try:
                parts.append(self._decoder.decode(chunk, final=self._ended))
            except UnicodeDecodeError as error:
                raise InvalidField(f"after item {self.number}", f"is not JSON: {not_utf8(error)}") from None
            size += len(parts[-1])
        self._text, self._at = "".join(parts), 0
