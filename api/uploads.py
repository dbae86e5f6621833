"""Forms with a file in them, of any size: parsed as they come in, on disk and never in memory, up to the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from specreason.errors import InvalidField, TooLarge
from specreason.settings import Settings
from specreason.store.folder import CHUNK_BYTES, Folder, StoredContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form as text, and its file, if there is one."""

    fields: dict[str, str]
    file: UploadFile | None


@asynccontextmanager
async def read_form(request: Request, allowed: Iterable[str]) -> AsyncIterator[Form]:
    """A form that may have the fields `allowed` and a file called `file`, which is gone at the end of the block.

    Raises InvalidField. `BodyLimit` ends a request that goes on beyond what a form may have.
    """
    settings: Settings = request.app.state.settings
    most = settings.max_upload_bytes

    _, options = parse_options_header(request.headers.get("content-type"))
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise InvalidField("Content-Type", "must name no charset but UTF-8")
    names = frozenset(allowed)
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=len(names))
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidField("body", f"is no form that we take: {error.message}") from error
    try:
        fields: dict[str, str] = {}
        file = None
        for name, value in form.multi_items():
            if name not in names and name != "file":
                raise InvalidField(name[:80], "unknown key")
            if name in fields:
                raise InvalidField(name, "is there more than once")
            if isinstance(value, UploadFile) and name == "file":
                file = value
            elif isinstance(value, UploadFile) or name == "file":
                raise InvalidField(name, "must be a file" if name == "file" else "must not be a file")
            else:
                fields[name] = value
        if file is not None and (file.size or 0) > most:
            raise _too_large(most)
        yield Form(fields=fields, file=file)
    finally:
        await form.close()


def keep_upload(folder: Folder, upload: UploadFile) -> StoredContent:
    """Copy the file to where it stays. Blocks; raises StoreUnavailable."""
    source = upload.file
    source.seek(0)
    with folder.new() as content:
        while chunk := source.read(CHUNK_BYTES):
            content.write(chunk)
        return content.keep()


def _too_large(most: int) -> TooLarge:
    return TooLarge("file", f"is larger than {most} bytes")
