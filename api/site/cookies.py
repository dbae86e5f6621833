"""The cookie of a viewer, which holds the key that the API takes in a header, and the token of this viewer's forms.

The cookie holds the key itself: HttpOnly, so that no script reads it, and SameSite=Strict, so that no other site's page
sends it. It opens pages only: requests to the API need the header. A form carries a token made from the key, which no
other site knows; while keys are off, `api.door.origin` refuses other sites' requests.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import Headers

from specreason.errors import NotAllowed

COOKIE = "specreason_key"
FIELD = "csrf"
LONGEST_S = 30 * 86_400


def cookie_authorization(headers: Headers) -> str | None:
    """The Authorization header that the cookie of a request stands for."""
    try:
        morsel = SimpleCookie(headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if morsel is None or not morsel.value else f"Bearer {morsel.value}"


def has_cookie(request: Request) -> bool:
    return bool(request.cookies.get(COOKIE))


def csrf_token(request: Request) -> str:
    """The token of this viewer's forms; empty while keys are off."""
    key = request.cookies.get(COOKIE, "")
    return hmac.new(key.encode(), b"a form of a page", hashlib.sha256).hexdigest() if key else ""


def check_form(request: Request, token: str) -> None:
    """Raise NotAllowed unless one of our own pages, as this viewer sees it, sent the form."""
    origin = request.headers.get("Origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    if not is_ours or not hmac.compare_digest(token.encode(), csrf_token(request).encode()):
        raise NotAllowed("this form is not from a page of yours; load the page again and repeat")


def sign_in(response: Response, key: str, *, is_https: bool) -> None:
    response.set_cookie(
        COOKIE, key, max_age=LONGEST_S, path="/", secure=is_https, httponly=True, samesite="strict"
    )


def sign_out(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
