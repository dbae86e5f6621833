"""Forms with one file. The parser writes the file straight to the folder where it may stay, up to the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.deployment import deployment_of
from specreason.errors import InvalidField, TooLarge
from specreason.store.files.folder import NewContent
from specreason.words import counted, unknown_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The file of a form. It is removed when the form is closed, unless `content.keep` was called."""

    filename: str
    content: NewContent


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The text fields of a form, and its file, if there is one.

    At the end, `ended` closes its contents, and `cleanup` removes a file that was kept; see `NewContent.keep`.
    """

    fields: dict[str, str]
    file: Upload | None
    ended: ExitStack
    cleanup: ExitStack


@asynccontextmanager
async def read_form(request: Request, allowed: Iterable[str]) -> AsyncIterator[Form]:
    """Read a form. It may have the fields `allowed` and a file called `file`.

    Raises InvalidField, and StoreUnavailable if the disk is full. `BodyLimit` ends a request that is larger than a
    form may be.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise InvalidField("Content-Type", "must be multipart/form-data")
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise InvalidField("Content-Type", "must name no charset but UTF-8")
    ended = ExitStack()
    content = await run_in_threadpool(ended.enter_context, deployment_of(request).folder.new())
    try:
        yield await _parse(request, frozenset(allowed), content, ended)
    finally:
        await run_in_threadpool(ended.close)


async def _parse(request: Request, names: frozenset[str], content: NewContent, ended: ExitStack) -> Form:
    try:
        form = await _Parser(request, content, max_fields=len(names)).parse()
    except MultiPartException as error:
        raise InvalidField("body", f"is not a valid form: {error.message}") from error
    settings = deployment_of(request).settings
    fields: dict[str, str] = {}
    file: Upload | None = None
    for name, value in form.multi_items():
        if name not in names and name != "file":
            raise InvalidField(name[:80], unknown_key(name, sorted({*names, "file"})))
        if name in fields:
            raise InvalidField(name, "appears more than once")
        if isinstance(value, UploadFile) and name == "file":
            if (value.size or 0) > settings.max_upload_bytes:
                raise TooLarge("file", f"is larger than {counted(settings.max_upload_bytes, 'byte')}")
            file = Upload(filename=value.filename or "", content=content)
        elif isinstance(value, UploadFile) or name == "file":
            raise InvalidField(name, "must be a file" if name == "file" else "must not be a file")
        else:
            fields[name] = value
    return Form(fields=fields, file=file, ended=ended, cleanup=ended.enter_context(ExitStack()))


class _Parser(MultiPartParser):
    """Writes the one file of a form to `content`, instead of to a temporary file that would have to be copied."""

    def __init__(self, request: Request, content: NewContent, *, max_fields: int) -> None:
        super().__init__(request.headers, request.stream(), max_files=1, max_fields=max_fields)
        self._content = content

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        upload = self._current_part.file
        if upload is not None:
            upload.file.close()
            upload.file = cast(BinaryIO, _Sink(self._content))


@dataclass(frozen=True, slots=True)
class _Sink:
    """The methods of a file that the parser calls."""

    content: NewContent

    def write(self, data: bytes) -> None:
        self.content.write(data)

    def seek(self, offset: int) -> None:
        """Nothing reads from here."""

    def close(self) -> None:
        """`read_form` closes the content."""
