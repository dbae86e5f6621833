"""Values of this client from JSON, and back."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from specreason.errors import Unreachable

T = TypeVar("T")


def decode(shape: type[T], row: Any) -> T:
    """`row`, as it came from JSON, as a value. Raises Unreachable where it is no such thing."""
    adapter: TypeAdapter[T] = _adapter(cast("Any", shape))
    try:
        return adapter.validate_python(row)
    except ValidationError as error:
        where = ".".join(str(part) for part in (shape.__name__, *error.errors()[0]["loc"]))
        raise Unreachable(f"API: answered something that this client cannot read ({where})") from error


def to_json(value: Any) -> Any:
    """A value that the client returned, or many, as plain JSON."""
    return to_jsonable_python(value)


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
