"""The paths of the pages. All others belong to the API, whose callers send a key with each request."""

from __future__ import annotations

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
ASSETS = "/assets"
FIRST_SEGMENTS = frozenset(
    {
        "",
        "batches",
        "jobs",
        "compare",
        "workers",
        "dead",
        "submit",
        "reports",
        "sign-in",
        "sign-out",
        "assets",
    }
)


def is_page(path: str) -> bool:
    """Whether a browser asks for a page here, or for what a page is made of."""
    return path.split("/", 2)[1] in FIRST_SEGMENTS if path.startswith("/") else False


def is_open(path: str) -> bool:
    """Whether the page needs no key: signing in and out, and files that are the same for everyone."""
    return path in (SIGN_IN, SIGN_OUT) or path.startswith(f"{ASSETS}/")
