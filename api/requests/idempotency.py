"""Idempotency: a route runs a request once for each Idempotency-Key, and then repeats its answer."""

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
        description="Your name for this request. A request with the same key and the same body gets the same answer"
        f" for {KEPT_FOR.days} days.",
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
    """The result of `create` as JSON, or the earlier answer under this key. `create` runs in the given transaction.

    `content` is the meaning of the request as JSON values, not its bytes: a form that is sent again has another
    boundary. `cleanup` removes the files that were kept for this request. It is disarmed right before the commit; from
    then on Postgres alone decides whether they are known. Raises InvalidField if the key was used with another body,
    StillRunning while the first request under it is in progress. Blocks.
    """
    name = _name(request, key, content)
    with transaction(deployment_of(request).database) as connection:
        if name is not None and (earlier := earlier_answer(connection, name)) is not None:
            return _replay(earlier)
        created = create(connection)
        answer = StoredAnswer(status=status, body=to_json(created, inf_nan_mode="null"))
        if name is not None:
            keep_answer(connection, name, answer)
        if cleanup is not None:
            cleanup.pop_all()
    return _json(answer)


def answered_before(request: Request, key: str | None, content: Any) -> Response | None:
    """The earlier answer under this key, if there is one. Blocks.

    Call it before parsing: a file that the first request named may be deleted by now.
    """
    name = _name(request, key, content)
    if name is None:
        return None
    with transaction(deployment_of(request).database) as connection:
        earlier = earlier_answer(connection, name)
    return None if earlier is None else _replay(earlier)


def _name(request: Request, key: str | None, content: Any) -> RequestKey | None:
    if key is None:
        return None
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    owner = caller_of(request).owner
    return RequestKey(owner=owner, path=request.url.path, key=key, body_hash=digest)


def _replay(answer: StoredAnswer) -> Response:
    return _json(answer, {"Idempotent-Replayed": "true"})


def _json(answer: StoredAnswer, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.body, answer.status, headers, media_type="application/json")
