"""Ids in OpenAI's form: `file-` or `batch_` before the 32 hexadecimal digits of a UUID."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from specreason.errors import InvalidField, NotFound


def file_name(file_id: UUID) -> str:
    return f"file-{file_id.hex}"


def batch_name(batch_id: UUID) -> str:
    return f"batch_{batch_id.hex}"


def to_file_id(name: str) -> UUID:
    """Raises NotFound if `name` cannot be the id of a file."""
    return _parse(name, "file", "file-")


def to_any_file_id(name: str) -> UUID:
    """Accepts a plain UUID as well as OpenAI's form. Raises NotFound as `to_file_id` does."""
    try:
        return UUID(name)
    except ValueError:
        return to_file_id(name)


def to_batch_id(name: str) -> UUID:
    """Raises NotFound if `name` cannot be the id of a batch."""
    return _parse(name, "batch", "batch_")


def to_cursor(after: str | None, to_id: Callable[[str], UUID]) -> UUID | None:
    """The id after which a page begins; None for the first page. Raises InvalidField if `to_id` refuses `after`."""
    try:
        return None if after is None else to_id(after)
    except NotFound as error:
        raise InvalidField("after", str(error)) from error


def _parse(name: str, kind: str, prefix: str) -> UUID:
    digits = name.removeprefix(prefix)
    if name.startswith(prefix) and len(digits) == 32:
        try:
            return UUID(hex=digits)
        except ValueError:
            pass
    raise NotFound(f"{kind}: there is none with id {name[:80]}")
