"""The files that pages load: our own, and those of vendored libraries. Each path holds the hash of the content.

So a browser may keep a file for ever, and gets another one when it changes. `VENDORED.toml` says where those of
libraries are from.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from api.site.paths import ASSETS
from specreason.errors import NotFound

FOLDERS = (Path(__file__).parent / "static", Path(__file__).parent / "vendored")
TYPE_OF = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@cache
def _files() -> dict[str, bytes]:
    """The content of each file by its name, such as `fonts/KaTeX_Main-Regular.woff2`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPE_OF
    }


@cache
def version() -> str:
    """One hash for all files: a stylesheet names its fonts relative to itself, so that they share a folder."""
    whole = hashlib.sha256()
    for name, content in _files().items():
        whole.update(f"{name}\n{len(content)}\n".encode() + content)
    return whole.hexdigest()[:16]


def asset(name: str) -> str:
    """The path of a file. Raises KeyError for one that is not there."""
    _files()[name]
    return f"{ASSETS}/{version()}/{name}"


@router.get(f"{ASSETS}/{{of_version}}/{{name:path}}")
def get_asset(of_version: str, name: str) -> Response:
    """A file; under the hash of another version, too, but then it is not to be kept."""
    content = _files().get(name)
    if content is None:
        raise NotFound(f"there is no file '{name[:100]}' of the pages")
    keep = FOR_EVER if of_version == version() else "no-cache"
    headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=TYPE_OF[Path(name).suffix], headers=headers)
