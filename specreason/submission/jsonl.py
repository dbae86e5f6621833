"""Reads JSONL line by line. Memory stays small, whatever the size of the file or of a line."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from specreason.errors import InvalidField
from specreason.words import counted

LONGEST_LINE = 1 << 20  # bytes
MOST_DEPTH = 100  # other readers of JSON fail on deeper nesting
TOO_DEEP = f"nested too deeply: more than {MOST_DEPTH} levels"
BLANK_PER_LINE = 10  # blank lines allowed for each allowed line


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that is not blank. `number` counts from 1."""

    number: int
    content: bytes

    def parse(self) -> dict[str, Any]:
        """The JSON object of the line. Raises ValueError that states the error."""
        if len(self.content) > LONGEST_LINE:
            raise ValueError(f"is longer than {LONGEST_LINE} bytes")
        return object_in(self.content)


def lines_of(
    content: BinaryIO, *, most_blank: int | None = None, longest: int = LONGEST_LINE
) -> Iterator[Line]:
    """Every line that is not blank, from the beginning, without its byte order marks: joined files have several.

    A line of more than `longest` bytes is cut after one more. Raises InvalidField after `most_blank` blank lines,
    because a caller that counts lines cannot bound such a file.
    """
    content.seek(0)
    number = num_blank = 0
    while line := content.readline(longest + 1):
        number += 1
        rest = line
        while len(rest) > longest and not rest.endswith(b"\n"):
            rest = content.readline(longest + 1)
        while line.startswith(codecs.BOM_UTF8):
            line = line[len(codecs.BOM_UTF8) :]
        if line.strip() or len(line) > longest:
            yield Line(number=number, content=line)
            continue
        num_blank += 1
        if most_blank is not None and num_blank > most_blank:
            raise InvalidField("file", f"has more than {counted(most_blank, 'blank line')}")


def object_in(content: bytes, *, lenient: bool = False) -> dict[str, Any]:
    """The JSON object in a line; `lenient` as in `load_json`. Raises ValueError that states the error."""
    try:
        row = load_json(content.decode(), lenient=lenient)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not JSON: {not_utf8(error)}") from None
    except json.JSONDecodeError as error:
        raise ValueError(_broken(error)) from error
    except ValueError as error:
        raise ValueError(f"is not JSON ({error})") from error
    if not isinstance(row, dict):
        raise ValueError(f"must be a JSON object, not {type(row).__name__}")
    return row


def not_utf8(error: UnicodeDecodeError) -> str:
    """Which byte is not UTF-8, what it may mean, and what helps. The first byte of the line is byte 0."""
    byte = error.object[error.start]
    meant = bytes([byte]).decode("cp1252", errors="replace")
    guess = f" (perhaps '{meant}' in Windows-1252)" if meant.isprintable() and meant != "\ufffd" else ""
    return f"byte {error.start}, 0x{byte:02x}{guess}, is not UTF-8; save the file as UTF-8"


def load_json(text: str | bytes, *, lenient: bool = False) -> Any:
    """Parse JSON. Raises ValueError.

    Refuses infinity and NaN, as Postgres does, and nesting deeper than MOST_DEPTH. With `lenient`, numbers that
    cannot be kept do not matter: infinity and NaN become None, and a whole number of thousands of digits its text.
    """
    decoder = _LENIENT if lenient else _DECODER
    try:
        value = decoder.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def canonical_json(value: Any) -> str:
    """Equal values give equal text. Raises ValueError for a number that JSON lacks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _broken(error: json.JSONDecodeError) -> str:
    character, rest = error.pos + 1, error.doc[error.pos :]
    if error.msg == "Extra data" and rest.lstrip(" \t,")[:1] in ("{", "["):
        return f"is not JSON: a second value begins after character {character - 1}; write each in a line of its own"
    if error.msg == "Extra data" and rest.strip() == ",":
        return (
            f"is not JSON: a comma follows it, at character {character}; in JSONL none stands between lines"
        )
    if rest.startswith("\0"):
        return f"is not JSON: character {character} is NUL; the file may not have been written to its end"
    return f"is not JSON ({error.msg}, at character {character})"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _finite_or_none(digits: str) -> float | None:
    number = float(digits)
    return None if math.isinf(number) else number


def whole_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


_LENIENT = json.JSONDecoder(
    parse_constant=lambda _: None, parse_float=_finite_or_none, parse_int=whole_or_text
)
