"""How objects are laid out in a file of JSON: in lines, over lines, in a list, or in a list inside one object."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from specreason.submission.datasets.rows import OF_A_PROBLEM
from specreason.submission.jsonl import whole_or_text

# Usual keys of the list in an object that is else no row.
OF_A_LIST = frozenset(
    [
        "data",
        "rows",
        "problems",
        "questions",
        "examples",
        "items",
        "records",
        "instances",
        "samples",
        "dataset",
        "train",
        "test",
        "validation",
        "results",
    ]
)
LIST = re.compile(r"\[\s*\{")
EMPTY_LIST = re.compile(r"\[\s*\]\s*\Z")
LISTS = re.compile(r"\][ \t\r]*\n\s*\[")
OBJECT = re.compile(r"\{\s*")
COLON, COMMA = re.compile(r"\s*:\s*"), re.compile(r"\s*,\s*")
_DECODER = json.JSONDecoder(parse_int=whole_or_text)


class JsonShape(Enum):
    """LINES are JSONL: an object in each line."""

    LINES = auto()
    LIST = auto()
    WRAPPED = auto()
    SPREAD = auto()


def json_shape(head: bytes) -> JsonShape | None:
    """The shape of the file with these first bytes; None where they do not say."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if LIST.match(text) or EMPTY_LIST.match(text):
        return None if _has_lists(text) else JsonShape.LIST
    if not text.startswith("{"):
        return None
    first, _, rest = text.partition("\n")
    value = _value(first, 0)
    if value is not None:
        is_all = isinstance(value[0], dict) and not rest.strip()
        return JsonShape.WRAPPED if is_all and _holds_rows(value[0]) else JsonShape.LINES
    if _opens_rows(text, is_one_line=not rest.strip()):
        return JsonShape.WRAPPED
    return None if _value(text, 0) is None else JsonShape.SPREAD


def is_row_list(key: str, first_item: object) -> bool:
    """Whether a list under `key` that begins so holds rows, and not the parts of one row, such as a chat's turns."""
    return (
        key.strip().casefold() not in OF_A_PROBLEM
        and isinstance(first_item, dict)
        and not {"role", "from"} & first_item.keys()
    )


def _has_lists(text: str) -> bool:
    """Whether each line is a list of its own."""
    first, _, rest = text.partition("\n")
    return LISTS.search(text) is not None and bool(rest.strip()) and _value(first, 0) is not None


def _holds_rows(value: Mapping[str, Any]) -> bool:
    """Whether the only object in a file is a list of rows, and what is said about it, rather than a row."""
    if _is_row(value):
        return False
    found = [
        key for key, each in value.items() if isinstance(each, list) and each and is_row_list(key, each[0])
    ]
    return len(found) == 1 and (len(value) == 1 or found[0].strip().casefold() in OF_A_LIST)


def _opens_rows(text: str, *, is_one_line: bool) -> bool:
    """Whether an object whose end is not here has a list of rows as the first of its lists."""
    start = OBJECT.match(text)
    at, keys = start.end() if start else 0, 0
    while (key := _value(text, at)) is not None and isinstance(key[0], str):
        colon = COLON.match(text, key[1])
        if colon is None or key[0].strip().casefold() in OF_A_PROBLEM:
            return False
        if LIST.match(text, colon.end()):
            item = _value(text, text.index("{", colon.end()))
            is_likely = not is_one_line or not keys or key[0].strip().casefold() in OF_A_LIST
            return is_likely and (item is None or is_row_list(key[0], item[0]))
        value = _value(text, colon.end())
        comma = None if value is None else COMMA.match(text, value[1])
        if comma is None:
            return False
        at, keys = comma.end(), keys + 1
    return False


def _is_row(value: Mapping[str, Any]) -> bool:
    return any(key.strip().casefold() in OF_A_PROBLEM for key in value)


def _value(text: str, at: int) -> tuple[Any, int] | None:
    """The JSON value that begins at `at`, and where it ends; None if there is no whole one."""
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
