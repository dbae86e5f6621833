"""Routes that create something answer a request under one Idempotency-Key once, and repeat that answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api.deployment import deployment_of
from api.door.access import caller_of
from specreason.store.access.idempotency import (
    KEPT_FOR,
    RequestKey,
    StoredAnswer,
    earlier_answer,
    keep_answer,
)
from specreason.store.session import Connection, transaction

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Your name for this request. Sent again with the same body, it gets the same answer for"
        f" {KEPT_FOR.days} days.",
    ),
]


def answer_once(
    request: Request,
    key: str | None,
    content: Any,
    create: Callable[[Connection], Any],
    *,
    status: int = 201,
    cleanup: ExitStack | None = None,
) -> Response:
    """Answer what `create` returns as JSON, or what was answered before; `create` works in the transaction it is given.

    `content` is what the request says, made of what JSON has, and not its bytes: a form sent again has another
    boundary. `cleanup` removes the files that were kept for this request. It is disarmed right before the commit: from
    then on Postgres alone says whether they are known. Raises InvalidField for a key that was used with another body,
    StillRunning while the first request under it is being answered. Blocks.
    """
    name = _name(request, key, content)
    with transaction(deployment_of(request).database) as connection:
        if name is not None and (earlier := earlier_answer(connection, name)) is not None:
            return _replayed(earlier)
        created = create(connection)
        answer = StoredAnswer(status=status, body=to_json(created, inf_nan_mode="null"))
        if name is not None:
            keep_answer(connection, name, answer)
        if cleanup is not None:
            cleanup.pop_all()
    return _json(answer)


def answered_before(request: Request, key: str | None, content: Any) -> Response | None:
    """What `answer_once` would repeat, before a look at what was asked for: it may be gone by now. Blocks."""
    name = _name(request, key, content)
    if name is None:
        return None
    with transaction(deployment_of(request).database) as connection:
        earlier = earlier_answer(connection, name)
    return None if earlier is None else _replayed(earlier)


def _name(request: Request, key: str | None, content: Any) -> RequestKey | None:
    if key is None:
        return None
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    owner = caller_of(request).owner
    return RequestKey(owner=owner, path=request.url.path, key=key, body_hash=digest)


def _replayed(answer: StoredAnswer) -> Response:
    return _json(answer, {"Idempotent-Replayed": "true"})


def _json(answer: StoredAnswer, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.body, answer.status, headers, media_type="application/json")
