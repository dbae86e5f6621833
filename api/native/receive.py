"""Receives a submission: JSON into memory, up to a limit, or a form, whose file goes to the disk."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from api.deployment import deployment_of
from api.requests.uploads import Form, read_form
from specreason.errors import InvalidField, TooLarge
from specreason.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A submission before parsing. `content` represents its whole meaning; `cleanup` removes its file.

    Both are arguments of `answer_once`.
    """

    body: bytes | Form
    content: Any
    cleanup: ExitStack


@asynccontextmanager
async def receive(request: Request, form_fields: Iterable[str]) -> AsyncIterator[Received]:
    """Receive the body of `request`, JSON or a form with `form_fields`. Its file is open until the block ends.

    Raises InvalidField, TooLarge.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type == "application/json":
        body = await _json_body(request)
        yield Received(body=body, content=hashlib.sha256(body).hexdigest(), cleanup=ExitStack())
    elif content_type == "multipart/form-data":
        async with read_form(request, form_fields) as form:
            content = [sorted(form.fields.items()), form.file and form.file.content.sha256]
            yield Received(body=form, content=content, cleanup=form.cleanup)
    else:
        raise InvalidField("Content-Type", "must be application/json or multipart/form-data")


async def _json_body(request: Request) -> bytes:
    settings = deployment_of(request).settings
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.max_body_bytes:
            raise TooLarge(
                "body",
                f"is larger than {counted(settings.max_body_bytes, 'byte')}; send the problems as a file in a form",
            )
    return bytes(body)
