"""How user input is validated: unknown keys are refused, and a refusal names the field in one line."""

from __future__ import annotations

import reprlib

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from specreason.errors import InvalidField

# The most characters of the user's input that a message repeats.
LONGEST_SHOWN = 80
_UNKNOWN_KEY = "unknown_key"
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = LONGEST_SHOWN


class ClosedModel(BaseModel):
    """The base of models that users write: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, given: object) -> object:
        """Report one unknown key: pydantic reports each, and a hundred thousand take much time and memory."""
        if isinstance(given, dict) and len(given) > len(cls.model_fields):
            unknown = next(key for key in given if key not in cls.model_fields)
            raise PydanticCustomError(
                _UNKNOWN_KEY, "unknown key '{key}'", {"key": str(unknown)[:LONGEST_SHOWN]}
            )
        return given


def first_invalid_field(error: ValidationError, *, prefix: str = "") -> InvalidField:
    """The first complaint of a pydantic error, with `prefix` before the name of its field."""
    detail = error.errors()[0]
    place = (*detail["loc"], detail["ctx"]["key"]) if detail["type"] == _UNKNOWN_KEY else detail["loc"]
    field = (prefix + ".".join(str(part)[:LONGEST_SHOWN] for part in place)).rstrip(".")
    if detail["type"] in ("extra_forbidden", _UNKNOWN_KEY):
        return InvalidField(field, "unknown key")
    message = detail["msg"].removeprefix("Value error, ")
    reason = message[:1].lower() + message[1:]
    given = "" if detail["type"] == "missing" else f" (got {_SHORT.repr(detail['input'])[:LONGEST_SHOWN]})"
    return InvalidField(field, reason + given)
