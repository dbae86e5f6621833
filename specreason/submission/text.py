"""Text that Postgres can store. JSON can express a NUL character and half of a surrogate pair; Postgres stores neither.

Such text is refused in a problem, its answer and id, and in metadata. The store repairs it in names, in a problem's
`source`, and in the output of a model or a driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator

from specreason.errors import InvalidField

UNSTORABLE = "has a character that cannot be stored (NUL or half of a surrogate pair)"


def check_text(text: str) -> str:
    """Return `text`. Raises ValueError if it cannot be stored."""
    if storable(text) != text:
        raise ValueError(UNSTORABLE)
    return text


def check_json(value: Any) -> Any:
    """Return `value`, a JSON value. Raises ValueError if a text or a key in it cannot be stored."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_text(str(key))
            check_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            check_json(item)
    return value


def checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `metadata`, for its column. Raises InvalidField if a text or a key in it cannot be stored."""
    try:
        check_json(metadata)
    except ValueError as error:
        raise InvalidField("metadata", str(error)) from None
    return dict(metadata)


def storable(text: str) -> str:
    """`text` with U+FFFD in place of each character that cannot be stored.

    Models also write such text. The token ids stored with it are unchanged: they are the truth.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_json(value: Any) -> Any:
    """`value`, a JSON value, with `storable` applied to each text and key in it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value


# For a field of a model. It runs before pydantic, which would refuse half of a surrogate pair with another message.
Storable = BeforeValidator(check_json)
