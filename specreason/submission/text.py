"""Which text can be stored. JSON can spell a NUL character and half of a surrogate pair; Postgres holds neither.

What a user submits is checked and refused. What a model or a driver wrote is repaired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator

UNSTORABLE = "has a character that cannot be stored (NUL or half of a surrogate pair)"


def check_text(text: str) -> str:
    """`text` itself. Raises ValueError if it cannot be stored."""
    if storable(text) != text:
        raise ValueError(UNSTORABLE)
    return text


def check_json(value: Any) -> Any:
    """`value` itself, which is made of what JSON has. Raises ValueError if a text in it, or a key, cannot be stored."""
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


def storable(text: str) -> str:
    """`text` with U+FFFD for what cannot be stored.

    Models write such text, too. The token ids beside it stay as they were: they are the truth.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_json(value: Any) -> Any:
    """`value`, which is made of what JSON has, with each text in it, keys too, as `storable` makes it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value


# For a field of a model. It looks before pydantic does, which refuses half of a pair in words of its own.
Storable = BeforeValidator(check_json)
