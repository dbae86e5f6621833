"""Where a row stands in its table: the values of its key, as a reader names them to go on behind it.

A text that is one of several values is written as in a URL, because it may have a slash: `JOB/3/org%2Fmodel/main`.
"""

from __future__ import annotations

from urllib.parse import quote, unquote
from uuid import UUID

from specreason.errors import InvalidField
from specreason.store.analysis.row_tables import Kind, Table
from specreason.words import shown

Place = tuple[UUID | int | str, ...]


def written(place: Place) -> str:
    """The place as `after` names it: the values of the key, such as JOB/INDEX for a step."""
    if len(place) == 1:
        return str(place[0])
    return "/".join(quote(str(value), safe="") for value in place)


def place_of(table: Table, after: str) -> Place:
    """The place that `after` names. Raises InvalidField for one that this table cannot have."""
    kinds = {column.name: column.kind for column in table.columns}
    parts = [unquote(part) for part in after.split("/")] if len(table.key) > 1 else [after]
    try:
        if len(parts) != len(table.key):
            raise ValueError
        return tuple(_value(kinds[name], part) for name, part in zip(table.key, parts, strict=True))
    except ValueError:
        form = "/".join(name.removesuffix("_id").upper() for name in table.key)
        raise InvalidField("after", f"must be the {form} of a row of `{table}`, not {shown(after)}") from None


def _value(kind: Kind, text: str) -> UUID | int | str:
    if kind is Kind.ID:
        return UUID(text)
    if kind is not Kind.INT:
        if "\0" in text:
            raise ValueError
        return text
    number = int(text)
    if not -(2**31) <= number < 2**31:
        raise ValueError
    return number
