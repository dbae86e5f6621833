"""A value of the store with more fields, for an answer that says more than the store knows."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def extended(kind: type[T], value: DataclassInstance, **more: Any) -> T:
    """Return a `kind` with the fields of `value`, as they are, and `more`."""
    return kind(**{field.name: getattr(value, field.name) for field in fields(value)}, **more)
