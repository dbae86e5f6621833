"""The cells of a column of Arrow as JSON values. None of them is refused, whatever the column is."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from specreason.submission.datasets.moments import day, duration, moment, time_of_day
from specreason.submission.datasets.rows import OF_A_PROBLEM, Report

LARGEST_BINARY = 1 << 16  # bytes; the text of it is a third longer
MILLISECONDS_PER_DAY = 86_400_000

Reader: TypeAlias = Callable[[Any, str, Report], list[Any]]


def values_of(column: Any, name: str, report: Report) -> list[Any]:
    """Return the cells, one for each row; `name` is the column's, as the report tells it.

    Text, whole numbers, booleans, lists, structs and maps with keys of text stay what they are. Numbers that JSON lacks
    are None. Times are ISO 8601, decimals their digits, bytes base64. What is too large for that or cannot be read is
    left out: it is None, and told once.
    """
    import pyarrow

    try:
        return _values(column, name, report)
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError, KeyError, AttributeError) as error:
        reason = str(error).partition("\n")[0][:100]
        report.say(
            f"'{name}' is left out: its type {column.type} has no form in JSON ({reason})",
            once=("type", name),
        )
        return [None] * len(column)


def _values(column: Any, name: str, report: Report) -> list[Any]:
    read = next((read for is_of_kind, read in _readers() if is_of_kind(column.type)), _rare)
    return read(column, name, report)


@cache
def _readers() -> tuple[tuple[Callable[[Any], bool], Reader], ...]:
    """Who reads which types. The first one that fits does."""
    from pyarrow import types

    return (
        (lambda kind: hasattr(kind, "storage_type"), _extended),
        (types.is_dictionary, _looked_up),
        (types.is_run_end_encoded, _runs),
        (types.is_struct, _structs),
        (types.is_map, _maps),
        (lambda kind: types.is_nested(kind) and not types.is_union(kind), _lists),
        (lambda kind: str(kind) in ("string", "large_string", "string_view"), _texts),
        (lambda kind: types.is_boolean(kind) or types.is_integer(kind) or types.is_null(kind), _as_they_are),
        (types.is_floating, _floats),
        (types.is_decimal, lambda column, *_: _each(column.to_pylist(), lambda number: f"{number:f}")),
        (lambda kind: types.is_temporal(kind) and not types.is_interval(kind), _times),
    )


def _as_they_are(column: Any, _: str, __: Report) -> list[Any]:
    return list(column.to_pylist())


def _floats(column: Any, _: str, __: Report) -> list[Any]:
    from pyarrow import string, types

    if types.is_float64(column.type):
        return _each(column.to_pylist(), _finite)
    # Their shortest digits: 0.1 is not 0.10000000149011612.
    return _each(column.cast(string()).to_pylist(), lambda digits: _finite(float(digits)))


def _times(column: Any, _: str, __: Report) -> list[Any]:
    """Points and lengths of time, from their whole numbers. Python's own classes end with the year 9999."""
    from pyarrow import int32, int64, types

    kind = column.type
    ticks = column.view(int32() if kind.bit_width == 32 else int64()).to_pylist()
    if types.is_date32(kind):
        return _each(ticks, day)
    if types.is_date64(kind):
        return _each(ticks, lambda each: day(each // MILLISECONDS_PER_DAY))
    if types.is_time(kind):
        return _each(ticks, lambda each: time_of_day(each, kind.unit))
    if types.is_duration(kind):
        return _each(ticks, lambda each: duration(each, kind.unit))
    return _each(ticks, lambda each: moment(each, kind.unit, kind.tz))


def _texts(column: Any, name: str, report: Report) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        from pyarrow import large_binary

        report.say(f"'{name}' has text that is not UTF-8; \ufffd stands for what is not", once=("text", name))
        return _each(
            column.cast(large_binary()).to_pylist(), lambda content: content.decode(errors="replace")
        )


def _rare(column: Any, name: str, report: Report) -> list[Any]:
    """Bytes, or values of a rare type."""
    return _each(column.to_pylist(), lambda value: _rare_value(value, name, report))


def _rare_value(value: Any, name: str, report: Report) -> Any:
    if not isinstance(value, bytes):
        return value if isinstance(value, bool | int | str) else str(value)
    if len(value) > LARGEST_BINARY:
        report.say(
            f"'{name}' is left out where it has more than {LARGEST_BINARY} bytes", once=("large", name)
        )
        return None
    if name.strip().casefold() in OF_A_PROBLEM and (text := _as_text(value)) is not None:
        report.say(f"'{name}' has bytes that are UTF-8 and is read as text", once=("bytes", name))
        return text
    report.say(f"'{name}' is binary and is kept as base64", once=("binary", name))
    return base64.b64encode(value).decode()


def _as_text(content: bytes) -> str | None:
    """The text in bytes; None if they are none. Some programs write text without saying that it is."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _extended(column: Any, name: str, report: Report) -> list[Any]:
    if column.type.extension_name == "arrow.uuid":
        return _each(column.storage.to_pylist(), lambda content: str(UUID(bytes=content)))
    stored = _values(column.storage, name, report)
    return _each(stored, bool) if column.type.extension_name == "arrow.bool8" else stored


def _runs(column: Any, name: str, report: Report) -> list[Any]:
    from pyarrow.compute import run_end_decode

    return _values(run_end_decode(column), name, report)


def _looked_up(column: Any, name: str, report: Report) -> list[Any]:
    from pyarrow import array, int64

    places = column.indices.to_pylist()
    used = sorted({place for place in places if place is not None})
    values = _values(column.dictionary.take(array(used, int64())), name, report)
    found = dict(zip(used, values, strict=True))
    return _each(places, found.__getitem__)


def _structs(column: Any, name: str, report: Report) -> list[Any]:
    names = [column.type.field(index).name for index in range(column.type.num_fields)]
    parts = [
        values_of(part, f"{name}.{each}", report) for each, part in zip(names, column.flatten(), strict=True)
    ]
    rows: Iterable[tuple[Any, ...]] = zip(*parts, strict=True) if parts else ((),) * len(column)
    return [
        dict(zip(names, row, strict=True)) if is_there else None
        for row, is_there in zip(rows, column.is_valid().to_pylist(), strict=True)
    ]


def _lists(column: Any, name: str, report: Report) -> list[Any]:
    from pyarrow.compute import list_value_length

    items = iter(values_of(column.flatten(), name, report))
    return _each(list_value_length(column).to_pylist(), lambda length: [next(items) for _ in range(length)])


def _maps(column: Any, name: str, report: Report) -> list[Any]:
    """A map as an object if all its keys are text, else as a list of pairs."""
    offsets = column.offsets.to_pylist()
    first, last = offsets[0], offsets[-1]
    keys = values_of(column.keys[first:last], f"{name}.key", report)
    items = values_of(column.items[first:last], f"{name}.value", report)
    rows = []
    for is_there, begin, end in zip(column.is_valid().to_pylist(), offsets, offsets[1:], strict=False):
        pairs = list(zip(keys[begin - first : end - first], items[begin - first : end - first], strict=True))
        is_object = all(isinstance(key, str) for key, _ in pairs)
        rows.append((dict(pairs) if is_object else [list(pair) for pair in pairs]) if is_there else None)
    return rows


def _each(values: Iterable[Any], form: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else form(value) for value in values]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
