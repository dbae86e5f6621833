"""A page for the viewer of a request: the template's own values, and what the frame of every page shows."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.door.access import caller_of
from api.site.cookies import csrf_token, has_cookie
from api.site.templates import page
from specreason.store.tables.states import Scope


def is_htmx(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page `template`.html, or a part of one, with these values."""
    caller = caller_of(request)
    return page(
        template,
        status,
        path=request.url.path,
        may_submit=caller.may(Scope.SUBMIT),
        may_control=caller.may(Scope.CONTROL),
        is_signed_in=has_cookie(request),
        csrf=csrf_token(request),
        **values,
    )
