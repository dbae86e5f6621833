"""JSONL line by line, however large the file is: no line is held that is longer than allowed."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

LONGEST_LINE = 1 << 20  # bytes
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that is not blank. `number` counts from 1, `offset` is its first byte's place in the file."""

    number: int
    offset: int
    content: bytes

    @property
    def is_compressed(self) -> bool:
        """It is the first of a file that is no text, whose other lines say nothing either."""
        return self.number == 1 and self.content.startswith(GZIP)

    def parse(self) -> dict[str, Any]:
        """Its JSON object. Raises ValueError that says what is wrong."""
        if len(self.content) > LONGEST_LINE:
            raise ValueError(f"is longer than {LONGEST_LINE} bytes")
        if self.is_compressed:
            raise ValueError("is not JSON: the file is compressed; send it as plain text")
        try:
            row = load_json(self.content.decode())
        except UnicodeDecodeError as error:
            raise ValueError(f"is not JSON: byte {error.start} is not UTF-8") from None
        except ValueError as error:
            raise ValueError(f"is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ValueError(f"must be a JSON object, not {type(row).__name__}")
        return row


def lines_of(content: BinaryIO) -> Iterator[Line]:
    """Every line that is not blank, from the beginning. A byte order mark and carriage returns are no part of it."""
    content.seek(0)
    offset = number = 0
    while read := content.readline(LONGEST_LINE + 1):
        number += 1
        start, offset = offset, offset + len(read)
        rest = read
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = content.readline(LONGEST_LINE + 1)
            offset += len(rest)
        if number == 1 and read.startswith(codecs.BOM_UTF8):
            read, start = read[len(codecs.BOM_UTF8) :], start + len(codecs.BOM_UTF8)
        if read.strip():
            yield Line(number=number, offset=start, content=read)


def line_at(content: BinaryIO, offset: int) -> Line:
    """The line that begins there."""
    content.seek(offset)
    return Line(number=0, offset=offset, content=content.readline(LONGEST_LINE + 1))


def load_json(text: str | bytes) -> Any:
    """Strict JSON: nothing infinite and no NaN, which Postgres would refuse. Raises ValueError for what is wrong."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
