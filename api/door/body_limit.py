"""How large a body may be. What takes uploads bounds them itself, to the byte, and says which file is too large."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers.errors import error_response

UPLOAD_PATHS = frozenset({"/api/batches", "/api/grids", "/v1/files"})
MOST_BYTES = 1 << 20
FORM_BYTES = 1 << 20  # what a form may have besides its file


class BodyLimit:
    """Ends a request whose body is larger than its path takes with 413, before it is in memory."""

    def __init__(self, app: ASGIApp, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        most = self._max_upload_bytes + FORM_BYTES if path in UPLOAD_PATHS else MOST_BYTES
        refusal = f"body: is larger than {most} bytes"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > most:
            await error_response(path, 413, refusal, field="body")(scope, receive, send)
            return
        num_bytes = 0

        async def counted() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > most:
                raise HTTPException(413, refusal)  # the only kind that passes whoever reads the body
            return message

        await self._app(scope, counted, send)
