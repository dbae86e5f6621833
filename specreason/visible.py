"""Text of users and models on its way to a terminal or a log: no character of it may move a cursor, set a title or a
clipboard, turn the line round or begin a line of its own."""

from __future__ import annotations

import json
from typing import Any

# Of these, a terminal shows none and obeys some: C0 but tab and line break, DEL, C1 (ISO 6429), the marks that change
# the direction of text (Unicode TR 9), and bytes that were no text on the command line, which leave as they came.
_C0 = [*range(0x00, 0x09), *range(0x0B, 0x20)]
_DEL = 0x7F
_C1 = range(0x80, 0xA0)
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_BYTES = range(0xDC80, 0xDCA0)
# One character in place of one, so that widths and styles stay: Unicode has signs for C0 and DEL.
_SIGNS = (
    {number: 0x2400 + number for number in _C0}
    | {_DEL: 0x2421}
    | dict.fromkeys([*_C1, *_DIRECTIONS, *_BYTES], 0xFFFD)
)
_LINES = [0x09, 0x0A, 0x2028, 0x2029]
_ESCAPES = {number: repr(chr(number))[1:-1] for number in [*_C0, *_LINES, _DEL, *_C1, *_DIRECTIONS, *_BYTES]}
_JSON_ESCAPES = {number: f"\\u{number:04x}" for number in [_DEL, *_C1, *_DIRECTIONS]}


def visible(text: str) -> str:
    """The text as a terminal may show it: a visible sign for each control character but line breaks and tabs."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def on_one_line(text: str) -> str:
    """The same on one line, with single spaces."""
    return " ".join(visible(text).split())


def escaped(text: str) -> str:
    """The text as a log may hold it: on one line, with control characters as Python writes them."""
    return text.translate(_ESCAPES)


def escaped_json(line: str) -> str:
    """A line of JSON with the same meaning and without a raw control character, which JSON has in strings only."""
    return line.translate(_JSON_ESCAPES)


def ascii_json(value: Any) -> str:
    """The value as one line of JSON in printable ASCII."""
    return escaped_json(json.dumps(value))
