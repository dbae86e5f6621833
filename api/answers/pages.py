"""A part of a list, as the API answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
Place = TypeVar("Place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row, Place]):
    """A part of a list. A page of long texts may have fewer rows than `limit`.

    `next` is the `after` of the next page, or its `before` in a list of the newest first; null on the last page.
    """

    data: tuple[Row, ...]
    next: Place | None
