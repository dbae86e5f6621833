"""Values of this client from JSON, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    """A part of a list. `next` says where the part that follows begins, None: nowhere."""

    next: Any


def decode(shape: type[T], row: Any) -> T:
    """`row`, as it came from JSON, as a value. Raises Unreachable where it is no such thing."""
    adapter: TypeAdapter[T] = _adapter(cast("Any", shape))
    try:
        return adapter.validate_python(row)
    except ValidationError as error:
        where = ".".join(str(part) for part in (shape.__name__, *error.errors()[0]["loc"]))
        raise Unreachable(f"API: answered something that this client cannot read ({where})") from error


def loaded(text: str | bytes, what: str) -> Any:
    """What JSON says. Raises Unreachable where `what` the API sent is none: a proxy may stand in its place."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Unreachable(f"API: sent {what} that is not JSON") from None


def to_json(value: Any) -> Any:
    """A value that the client returned, or many, as plain JSON."""
    return to_jsonable_python(value)


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
