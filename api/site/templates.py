"""Fills the templates, everything in them escaped, under a strict Content-Security-Policy.

No script stands in a page itself, and no text of a user or model is ever markup. A page has a nonce: the extension
`hx-csp` ignores htmx attributes of any element that does not carry it.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.site.assets import asset
from api.site.words import FILTERS
from specreason import __version__

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Of the frame of a page where nobody is known: an error before the key was looked at.
NOBODY = {"path": "", "may_submit": False, "may_control": False, "is_signed_in": False, "csrf": ""}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=asset, version=__version__)
    environment.filters.update(FILTERS)
    return environment


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The template of this name with these values, as an answer. No cache keeps it: it is what its viewer may see."""
    nonce = secrets.token_urlsafe(16)
    html = _environment().get_template(f"{template}.html").render(NOBODY | values, nonce=nonce)
    headers = {
        "Content-Security-Policy": POLICY.format(nonce=nonce),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return HTMLResponse(html, status, headers=headers)
