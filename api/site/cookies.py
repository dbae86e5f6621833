"""The cookie of a viewer, which holds the key that the API takes in a header, and the token of this viewer's forms.

The cookie holds the key itself: HttpOnly, so that no script reads it, and SameSite=Strict, so that no other site's page
sends it. It opens pages only: requests to the API need the header. A form carries a token made from the key, which no
other site knows; while keys are off, `api.door.origin` refuses other sites' requests.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from specreason.errors import NotAllowed

COOKIE = "specreason_key"
FIELD = "csrf"
LONGEST_S = 30 * 86_400
NOT_OURS = "this form is not from a page of yours; load the page again and repeat"


def cookie_authorization(request: Request) -> str | None:
    """The Authorization header that the cookie of a request stands for."""
    # Not by http.cookies, which refuses all cookies for one that it does not like, such as another program's here.
    key = request.cookies.get(COOKIE)
    return f"Bearer {key}" if key else None


def has_cookie(request: Request) -> bool:
    return bool(request.cookies.get(COOKIE))


def csrf_token(request: Request) -> str:
    """The token of this viewer's forms; empty while keys are off."""
    key = request.cookies.get(COOKIE, "")
    return hmac.new(key.encode(), b"a form of a page", hashlib.sha256).hexdigest() if key else ""


def check_form(request: Request, token: str) -> None:
    """Raise NotAllowed unless one of our own pages, as this viewer sees it, sent the form."""
    check_sender(request)
    if not hmac.compare_digest(token.encode(), csrf_token(request).encode()):
        raise NotAllowed(NOT_OURS)


def check_sender(request: Request) -> None:
    """Raise NotAllowed if a page of another site sent the form. Browsers fill in both headers truthfully."""
    origin = request.headers.get("Origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    if not is_ours or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise NotAllowed(NOT_OURS)


def sign_in(response: Response, key: str, *, is_https: bool) -> None:
    response.set_cookie(
        COOKIE, key, max_age=LONGEST_S, path="/", secure=is_https, httponly=True, samesite="strict"
    )


def sign_out(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
