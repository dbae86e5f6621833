"""Refusals of the API, as errors of `errors.py`."""

from __future__ import annotations

import httpx2

from specreason.errors import (
    Conflict,
    InputError,
    InvalidField,
    KeyRefused,
    LimitReached,
    NotAllowed,
    NotFound,
    SpecReasonError,
    StillRunning,
    TooLarge,
    Unreachable,
)

ERROR_OF = {401: KeyRefused, 403: NotAllowed, 404: NotFound, 409: StillRunning}
# Statuses after which the same request may soon be answered differently.
PASSING = frozenset({409, 429, 502, 503, 504})


def error_of(response: httpx2.Response) -> SpecReasonError:
    """The exception for a refusal."""
    status = response.status_code
    message, field = _complaint(response)
    if field == "Idempotency-Key":
        return Conflict(message)
    if status == 429:
        return LimitReached(message, retry_after_s=retry_after_s(response) or 0.0)
    if status >= 500:
        return Unreachable(f"API: {message}")
    if status in ERROR_OF:
        return ERROR_OF[status](message)
    if field is None:
        return InputError(message)
    kind = TooLarge if status == 413 else InvalidField
    return kind(field, message.removeprefix(f"{field}: "))


def retry_after_s(response: httpx2.Response) -> float | None:
    """Seconds that the server asks the client to wait, None if it names none. A date counts as none."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _complaint(response: httpx2.Response) -> tuple[str, str | None]:
    """Message and field of an error's body. A proxy may have sent any other body."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return f"status {response.status_code} {response.reason_phrase}", None
    message = told.get("detail") or told.get("title")
    field = told.get("field")
    return str(message or f"status {response.status_code}"), None if field is None else str(field)
