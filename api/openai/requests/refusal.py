"""Why a request is refused, with OpenAI's code and the name of the field."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from specreason.errors import InvalidField
from specreason.validation import first_invalid_field

# OpenAI's codes. Azure documents `invalid_request`: a line whose body is not valid.
INVALID = "invalid_request"
MISSING = "missing_required_parameter"
UNSUPPORTED = "unsupported_parameter"


class LineInvalid(Exception):
    """The line is refused. The attributes are those of OpenAI's `errors.data[]`; `param` is the field."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


def invalid(error: InvalidField) -> LineInvalid:
    return LineInvalid(INVALID, str(error), error.field)


def first_invalid(error: ValidationError, *, prefix: str) -> LineInvalid:
    """The first complaint of a pydantic error."""
    return invalid(first_invalid_field(error, prefix=prefix))


def missing(fields: Sequence[str]) -> LineInvalid:
    """One refusal that names every field that is missing."""
    are = "is" if len(fields) == 1 else "are"
    return LineInvalid(MISSING, f"{', '.join(fields)}: {are} required", fields[0])
