"""Pages of rows with long texts. A page is bounded by rows and by bytes, so that it fits into memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func

T = TypeVar("T")

PAGE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Rows in order. `has_more`: more rows follow."""

    rows: tuple[T, ...]
    has_more: bool


def first_page(sized: Iterable[tuple[Any, int]], limit: int) -> Page[Any]:
    """The keys of the first rows: at most `limit` rows and about PAGE_BYTES, but at least one row.

    Each row of `sized` is a key and the bytes of its texts. It must have `limit` + 1 rows if there are so many.
    """
    keys: list[Any] = []
    size = 0
    for key, num_bytes in sized:
        if len(keys) == limit or (keys and size + num_bytes > PAGE_BYTES):
            return Page(rows=tuple(keys), has_more=True)
        keys.append(key)
        size += num_bytes
    return Page(rows=tuple(keys), has_more=False)


def total_bytes(texts: Iterable[ColumnElement[Any]]) -> ColumnElement[int]:
    """The sum of the sizes of `texts`, in bytes. Postgres does not read the texts for it."""
    sizes = [func.coalesce(func.octet_length(text), 0) for text in texts]
    return sum(sizes[1:], start=sizes[0])
