"""Signing in with an API key, and out again."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.deployment import deployment_of
from api.pages.rendering import render
from api.site import cookies
from api.site.paths import SIGN_IN, SIGN_OUT
from specreason.errors import KeyRefused

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def sign_in_page(request: Request, next: str = "/") -> Response:
    """The form; while keys are off there is nothing to sign in to."""
    if deployment_of(request).authenticator is None:
        return RedirectResponse(_own_path(next), 303)
    return render(request, "sign_in", next=_own_path(next), error=None)


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=512)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Keep the key in a cookie, if it is one; then go on to the page that was asked for.

    A form of another site is refused: it could sign its visitor in with a key whose owner reads what they submit.
    """
    cookies.check_sender(request)
    authenticator = deployment_of(request).authenticator
    if authenticator is None:
        return RedirectResponse(_own_path(next), 303)
    try:
        await authenticator.admitted(f"Bearer {key.strip()}")
    except KeyRefused:
        error = "This key is unknown or revoked. A key begins with sr_; an administrator makes one."
        return render(request, "sign_in", status=401, next=_own_path(next), error=error)
    response = RedirectResponse(_own_path(next), 303)
    cookies.sign_in(response, key.strip(), is_https=request.url.scheme == "https")
    return response


@router.post(SIGN_OUT)
def sign_out(request: Request, csrf: Annotated[str, Form(max_length=200)] = "") -> Response:
    cookies.check_form(request, csrf)
    response = RedirectResponse(SIGN_IN, 303)
    cookies.sign_out(response)
    return response


def _own_path(path: str) -> str:
    """The path of a page here; "/" for what leads anywhere else."""
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    leads_away = parts.scheme or parts.netloc or not path.startswith("/") or "\\" in path
    return "/" if leads_away else path
