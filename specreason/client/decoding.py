"""Values of this client from JSON, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from specreason.errors import Unreachable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A list as the API sends it."""

    data: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Rows):
    """A part of a list. `next` is the cursor of the following part, None after the last one."""

    next: Any


def decode(shape: type[T], row: Any) -> T:
    """`row`, as it came from JSON, as a value. Raises Unreachable if it has another form."""
    adapter: TypeAdapter[T] = _adapter(cast("Any", shape))
    try:
        return adapter.validate_python(row)
    except ValidationError as error:
        where = ".".join(str(part) for part in (shape.__name__, *error.errors()[0]["loc"]))
        raise Unreachable(f"API: answered something that this client cannot read ({where})") from error


def loaded(text: str | bytes, what: str) -> Any:
    """Parse JSON; `what` names it in the message. Raises Unreachable if it is not JSON: a proxy may have answered."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Unreachable(f"API: sent {what} that is not JSON") from None


def to_json(value: Any) -> Any:
    """A value that the client returned, or many, as plain JSON."""
    return to_jsonable_python(value)


def word_of(value: bool | None) -> str | None:
    """A truth value as the API's query parameters write it."""
    return None if value is None else str(value).lower()


def moment_of(at: datetime | None) -> str | None:
    """A time in ISO 8601, with its zone."""
    return None if at is None else at.astimezone().isoformat()


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
