"""Turns every error into an answer: RFC 9457 problem details, OpenAI's error object under /v1, or a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.site.paths import is_page
from api.site.templates import page
from specreason.errors import (
    ExtraMissing,
    InputError,
    InvalidField,
    KeyRefused,
    LimitReached,
    NotAllowed,
    NotFound,
    NoWorker,
    ShuttingDown,
    SpecReasonError,
    StillRunning,
    StoreUnavailable,
    TooLarge,
)
from specreason.submission.text import storable
from specreason.validation import UNKNOWN_KEY, invalid_field

PROBLEM_JSON = "application/problem+json"
NO_SUCH_PATH = "there is nothing at this path; /docs describes what there is"
# The first class that matches decides.
STATUS_OF: tuple[tuple[type[SpecReasonError], int], ...] = (
    (TooLarge, 413),
    (NotFound, 404),
    (KeyRefused, 401),
    (NotAllowed, 403),
    (InputError, 422),
    (LimitReached, 429),
    (StillRunning, 409),
    (StoreUnavailable, 503),
    (NoWorker, 503),
    (ShuttingDown, 503),
)
# `Retry-After`, beside the errors that know it themselves. A worker that is being started loads its models for longer.
RETRY_AFTER_S: tuple[tuple[type[SpecReasonError], int], ...] = (
    (StillRunning, 1),
    (ShuttingDown, 1),
    (StoreUnavailable, 5),
    (NoWorker, 15),
)
IDEMPOTENCY_KEY = "Idempotency-Key"
OPENAI_TYPE_OF = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
OPENAI_CODE_OF = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def speaks_openai(path: str) -> bool:
    """Whether clients of this path expect OpenAI's shapes. Azure's clients begin a path with /openai."""
    return f"{path}/".startswith(("/v1/", "/openai/", "/chat/completions/"))


def status_for(path: str, status: int, field: str | None = None) -> int:
    """Under /v1, 400 instead of 422, as in OpenAI's API; but an invalid Idempotency-Key is 422 on every path."""
    return 400 if status == 422 and speaks_openai(path) and field != IDEMPOTENCY_KEY else status


def openai_error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """An error in OpenAI's form, as the body of an answer or as a message of a stream."""
    kind = OPENAI_TYPE_OF.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = code or OPENAI_CODE_OF.get(status)
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def openai_error_of(error: SpecReasonError) -> dict[str, Any]:
    """The same for an error that ends a stream."""
    return openai_error(_status_of(error), storable(str(error)))


def error_response(
    path: str, status: int, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as the answer to a request to `path`. `detail` and `field` may quote text that UTF-8 cannot encode."""
    status = status_for(path, status, field)
    detail, field = storable(detail), None if field is None else storable(field)
    if speaks_openai(path):
        return JSONResponse(openai_error(status, detail, param=field), status, headers)
    title = HTTPStatus(status).phrase
    if is_page(path):
        response = page("error", status, title=title, detail=detail)
        response.headers.update(headers or {})
        return response
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "field": field}
    return JSONResponse(body, status, headers, media_type=PROBLEM_JSON)


def response_to(path: str, error: SpecReasonError) -> Response:
    """The answer to a request that raised `error`."""
    status = _status_of(error)
    field = error.field if isinstance(error, InvalidField) else None
    # Whoever asks may sit at another machine, where the library is no help.
    where = "where the API runs, " if isinstance(error, ExtraMissing) else ""
    return error_response(path, status, f"{where}{error}", field=field, headers=_headers_of(error))


def handle_errors(app: FastAPI) -> None:
    """Let this module answer every error of the application."""
    app.add_exception_handler(SpecReasonError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_defect)


def _status_of(error: SpecReasonError) -> int:
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 500)


def _headers_of(error: SpecReasonError) -> dict[str, str] | None:
    if isinstance(error, LimitReached):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, KeyRefused):
        return {"WWW-Authenticate": "Bearer"}
    wait_s = next((seconds for kind, seconds in RETRY_AFTER_S if isinstance(error, kind)), None)
    return None if wait_s is None else {"Retry-After": str(wait_s)}


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SpecReasonError)
    return response_to(request.url.path, error)


async def _on_invalid_parameter(request: Request, error: Exception) -> Response:
    """Answer a request with an invalid parameter or an invalid small body."""
    assert isinstance(error, RequestValidationError)
    complaint: dict[str, Any] = error.errors()[0]
    # `source` is body, query, path or header.
    source, *place = complaint["loc"]
    if complaint["type"] == "json_invalid":
        place = []  # it is the position in the text
    elif source == "query":
        place = place[:1]  # a parameter that may be repeated has a number too
    if not place and complaint["type"] != UNKNOWN_KEY:  # an unknown key is a place of its own
        place = [source]
    return response_to(request.url.path, invalid_field({**complaint, "loc": place}))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answer a request that the framework refuses: unknown path, unknown method, incomplete body."""
    assert isinstance(error, HTTPException)
    field = "body" if error.status_code == 413 else None
    detail = NO_SUCH_PATH if error.status_code == 404 else str(error.detail)
    return error_response(request.url.path, error.status_code, detail, field=field, headers=error.headers)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    """The client disconnected before its request was complete; no client reads this answer."""
    return Response(status_code=400)


async def _on_defect(request: Request, error: Exception) -> Response:
    return error_response(request.url.path, 500, "a defect of the API; its log has the traceback")
