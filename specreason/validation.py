"""How user input is validated: unknown keys are refused, and a refusal names the field in one plain sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from specreason.errors import InvalidField
from specreason.words import LONGEST_SHOWN, counted, none_of, shown, unknown_key

UNKNOWN_KEY = "unknown_key"
# Of a validator that has found the place of the error itself: `place` in the context follows that of the value.
AT_A_PLACE = "at_a_place"
# Half of a surrogate pair, which pydantic does not take in a message.
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME = "must be a time such as 2026-12-24T18:00:00Z, not {given}"
_NUMBER = "must be a number, not {given}"
_WHOLE_NUMBER = "must be a whole number, not {given}"
_TRUTH = "must be true or false, not {given}"
_OBJECT = "must be an object, not {given}"
_LIST = "must be a list, not {given}"
_ID = "must be an id (a UUID), not {given}"
# What to say of each kind of pydantic error, after the name of the field. `given` is the value. Kinds that are not here
# have a message of our own.
SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "string_type": "must be a string, not {given}",
    "string_unicode": "has a character that is no text (half of a surrogate pair)",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing_size": "is a number of too many digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number, not {given}",
    "greater_than": "must be more than {gt}, not {given}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than": "must be less than {lt}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "string_too_short": "needs at least {characters}",
    "string_too_long": "is longer than {characters}",
    "too_short": "needs at least {items}",
    "too_long": "has more than {items}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "none_required": "must be null, not {given}",
    "uuid_type": _ID,
    "uuid_parsing": _ID,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": "must name its time zone, as in 2026-12-24T18:00:00Z, not {given}",
    "json_invalid": "is not JSON ({error})",
    "path_type": "must be a path, not {given}",
}
# What each pattern of our models asks for.
PATTERNS = {
    r"^[^\x00]+$": "must not have a NUL character",
    r"\{problem\}": "must contain {problem}",
    r"^[\x20-\x7e]+$": "must be printable ASCII characters",
}


class ClosedModel(BaseModel):
    """The base of models that users write: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: object) -> object:
        """Report one unknown key: pydantic reports each, and a hundred thousand take much time and memory."""
        if isinstance(given, dict):
            known = cls.model_fields
            unknown = next((key for key in given if key not in known), None)
            if unknown is not None:
                key = _SURROGATE.sub("\ufffd", str(unknown)[:LONGEST_SHOWN])
                raise PydanticCustomError(
                    UNKNOWN_KEY, "unknown key '{key}'", {"key": key, "known": tuple(known)}
                )
        return given


def first_invalid_field(error: ValidationError, *, prefix: str = "") -> InvalidField:
    """The first complaint of a pydantic error, with `prefix` before the name of its field."""
    return invalid_field(error.errors()[0], prefix=prefix)


def invalid_field(complaint: Mapping[str, Any], *, prefix: str = "") -> InvalidField:
    """One complaint of a pydantic error as an error of ours, with `prefix` before the name of its field."""
    place = complaint["loc"]
    if complaint["type"] == UNKNOWN_KEY:
        place = (*place, complaint["ctx"]["key"])
    if complaint["type"] == AT_A_PLACE:
        place = (*place, *complaint["ctx"]["place"])
    return InvalidField((prefix + path_of(place)).rstrip("."), _reason(complaint))


def path_of(place: Iterable[str | int]) -> str:
    """A place in JSON as a user writes it, such as `problems[0].answer`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:LONGEST_SHOWN]}" for part in place)
    return "".join(parts).removeprefix(".")


def _reason(complaint: Mapping[str, Any]) -> str:
    """What is wrong, in plain English."""
    kind, given, context = complaint["type"], complaint.get("input"), complaint.get("ctx", {})
    message = str(complaint["msg"]).removeprefix("Value error, ")
    if kind == UNKNOWN_KEY:
        return unknown_key(context["key"], context["known"])
    if kind in ("enum", "literal_error"):
        return none_of(given, re.findall(r"'([^']*)'", context["expected"]))
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"must have the form {context['pattern']}")
    if kind not in SENTENCES:
        return f"{message[:1].lower()}{message[1:]}"
    length = context.get("max_length", context.get("min_length", 0))
    facts = {name: _plain(fact) for name, fact in context.items()} | {
        "given": shown(given),
        "items": counted(length, "item"),
        "characters": counted(length, "character"),
    }
    return SENTENCES[kind].format(**facts)


def _plain(fact: object) -> object:
    """A bound without the decimals that pydantic gives to the bounds of every float."""
    return int(fact) if isinstance(fact, float) and fact.is_integer() else fact
