"""Access control: the caller of a request, the rows that it may see, and the routes that it may use.

Every path but the open ones needs a key: in a header, or on a page in a cookie. A route declares its scope, as in
`dependencies=[READ]`; a route without one needs the scope `admin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from api.answers.docs import ASSET_NAMES, ASSETS
from api.answers.errors import response_to
from api.door.authenticator import Authenticator, authorization_of
from api.door.origin import check_origin
from api.site.cookies import cookie_authorization
from api.site.paths import SIGN_IN, is_open, is_page
from specreason.errors import KeyRefused, NotAllowed, SpecReasonError
from specreason.store.access import visibility
from specreason.store.access.keys import ApiKey
from specreason.store.tables.states import Scope

METRICS_PATH = "/metrics"
OPEN_PATHS = frozenset(
    {"/api/health", "/openapi.json", "/docs", *(f"{ASSETS}/{name}" for name in ASSET_NAMES)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`owner` owns the rows that this caller creates; `viewer` decides which rows it may see.

    `max_queued_jobs` bounds the owner's queued jobs; None means no bound.
    """

    owner: str | None
    viewer: visibility.Viewer
    max_queued_jobs: int | None
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


# The caller of every request while keys are off. It has no owner and every scope.
ANYONE = Caller(
    owner=None,
    viewer=visibility.Viewer.EVERYONE,
    max_queued_jobs=None,
    scopes=frozenset({Scope.ADMIN}),
)


def caller_of(request: Request) -> Caller:
    """The caller that sent `request`; `ANYONE` while keys are off."""
    caller: Caller = getattr(request.state, "caller", ANYONE)
    return caller


async def _viewer(request: Request) -> visibility.Viewer:
    return caller_of(request).viewer


Viewer = Annotated[visibility.Viewer, Depends(_viewer)]


@dataclass(frozen=True, slots=True)
class Needs:
    """Declares the scope that a route needs. It does nothing itself; `check_scope` reads it."""

    scope: Scope

    async def __call__(self) -> None:
        return


READ = Depends(Needs(Scope.READ))
SUBMIT = Depends(Needs(Scope.SUBMIT))
CONTROL = Depends(Needs(Scope.CONTROL))
ADMIN = Depends(Needs(Scope.ADMIN))


def scope_of(route: object) -> Scope:
    """The scope that a route needs."""
    dependencies = (each.dependency for each in getattr(route, "dependencies", ()))
    return next((each.scope for each in dependencies if isinstance(each, Needs)), Scope.ADMIN)


async def check_scope(request: Request) -> None:
    """Raise NotAllowed unless the caller may use the route."""
    needed = scope_of(request.scope.get("route"))
    caller = caller_of(request)
    # Not that of `request.url`, of which the header Host is a part.
    if not _is_open(request.scope["path"]) and not caller.may(needed):
        raise NotAllowed(
            f"this needs a key with the scope '{needed}'; yours has {', '.join(sorted(caller.scopes))}"
        )


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or is_open(path)


class AccessMiddleware:
    """Refuses a request without a valid key before its body is read.

    While keys are off, it refuses requests that a page of another site makes.
    """

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator | None, *, metrics_are_open: bool = False
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        # Who reads them without a key is nobody, but may read them.
        self._also_open = frozenset({METRICS_PATH} if metrics_are_open else ())

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else None
        if path is not None and not _is_open(path) and path not in self._also_open:
            try:
                if self._authenticator is None:
                    check_origin(scope)
                else:
                    request = Request(scope)
                    key = await self._authenticator.admitted(_authorization(request))
                    request.state.caller = _caller(key)
            except SpecReasonError as error:
                await _refusal(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _caller(key: ApiKey) -> Caller:
    is_admin = Scope.ADMIN in key.scopes
    return Caller(
        owner=key.owner,
        viewer=visibility.Viewer.EVERYONE if is_admin else visibility.Viewer.of(key.owner),
        max_queued_jobs=key.max_queued_jobs,
        scopes=key.scopes,
    )


def _authorization(request: Request) -> str | None:
    """The key of a request. Only a page takes it from a cookie: no other site's form can use the API with it."""
    in_header = authorization_of(request.headers)
    return in_header or (cookie_authorization(request) if is_page(request.scope["path"]) else None)


def _refusal(scope: AsgiScope, error: SpecReasonError) -> Response:
    """The answer to a request that gets no further: a browser that asks for a page without a key may sign in."""
    if is_page(scope["path"]) and isinstance(error, KeyRefused):
        if Headers(scope=scope).get("HX-Request"):
            # A part of a page: htmx loads the whole page again, which leads to the sign-in and back.
            return Response(status_code=401, headers={"HX-Refresh": "true"})
        query = scope["query_string"].decode("latin-1")
        asked = scope["path"] + (f"?{query}" if query else "")
        wanted = asked if scope["method"] == "GET" else "/"
        return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': wanted})}", 303)
    return response_to(scope["path"], error)
