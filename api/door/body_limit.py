"""Limits the size of a body. Upload routes also enforce the exact limit and name the file."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers.errors import error_response
from specreason.words import counted

UPLOAD_PATHS = frozenset(
    {
        "/api/batches",
        "/api/batches/{batch_id}/regrade",
        "/api/grids",
        "/v1/files",
        "/submit",
        "/submit/preview",
    }
)
MOST_BYTES = 1 << 20
FORM_BYTES = 1 << 20  # of a form, besides its file

_MAY_BE_LARGE = tuple(compile_path(path)[0] for path in UPLOAD_PATHS)


class BodyLimit:
    """Answers 413 to a body that is larger than its path allows, before it is in memory."""

    def __init__(self, app: ASGIApp, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        is_upload = any(pattern.match(path) for pattern in _MAY_BE_LARGE)
        most = self._max_upload_bytes + FORM_BYTES if is_upload else MOST_BYTES
        refusal = f"body: is larger than {counted(most, 'byte')}"
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await error_response(path, 413, refusal, field="body")(scope, receive, send)
            return
        num_bytes = 0

        async def receive_within_limit() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > most:
                # Readers of a body let only this class of exception pass.
                raise HTTPException(413, refusal)
            return message

        await self._app(scope, receive_within_limit, send)
