"""A submission as a form: one file of problems, and what is to be done with them. The same input, the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypedDict, cast

import httpx2

from specreason.client.transport import Transport
from specreason.errors import InvalidField
from specreason.submission.jsonl import canonical_json

CHUNK_BYTES = 1 << 20
# How long the answer to a submission may take: a server that stores fifty thousand jobs answers late.
STORING_S = 300.0
# The name of content that comes without one.
FILENAME = "problems.jsonl"
_FILES = (io.IOBase, tempfile.SpooledTemporaryFile)

# A path of a JSONL file, its content, an open file, or problems one by one.
Problems = str | Path | bytes | IO[bytes] | Iterable[Mapping[str, Any]]


class Arguments(TypedDict, total=False):
    """Arguments of `Client.submit` besides the problems: the options of a submission, and a name for its file.

    `config` has the fields of RunConfig, `mapping` names the columns, as {"problem": "question"}, `deadline_s` is
    seconds from the submission, and `filename` is the name of content that has none of its own.
    """

    pair: str
    config: Mapping[str, Any]
    mapping: Mapping[str, str] | None
    name: str
    priority: int
    deadline_s: float | None
    metadata: Mapping[str, Any]
    filename: str | None


def content_key(file: IO[bytes], filename: str, form: Mapping[str, str]) -> str:
    """The idempotency key of this file under these fields: equal content and fields give an equal key."""
    file.seek(0)
    content = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        content.update(chunk)
    whole = canonical_json({**form, "filename": filename, "content": content.hexdigest()})
    return hashlib.sha256(whole.encode()).hexdigest()


@contextmanager
def opened(problems: Problems) -> Iterator[tuple[str, IO[bytes]]]:
    """File name and an open, seekable JSONL file. Problems given one by one are spooled to disk, not to memory."""
    if isinstance(problems, str | Path):
        path = Path(problems)
        try:
            file = path.open("rb")
        except OSError as error:
            raise InvalidField(str(path), f"cannot be read ({error.strerror})") from error
        with file:
            yield path.name, file
    elif isinstance(problems, bytes):
        yield FILENAME, io.BytesIO(problems)
    elif isinstance(problems, Iterable) and not isinstance(problems, _FILES):
        with tempfile.TemporaryFile() as spool:
            spool.writelines(_line(problem) for problem in cast("Iterable[Mapping[str, Any]]", problems))
            yield FILENAME, spool
    else:
        yield FILENAME, cast("IO[bytes]", problems)


def send(
    transport: Transport,
    path: str,
    problems: Problems,
    form: Mapping[str, str],
    *,
    filename: str | None,
    key: str | None,
) -> httpx2.Response:
    """Send the problems and the fields of `form`. `filename` and the idempotency `key` are made from them if None."""
    with opened(problems) as (own_name, file):
        filename = filename or own_name
        content = content_key(file, filename, form)
        # The boundary is made from the content too: a server may compare bodies byte by byte.
        headers = {
            "Idempotency-Key": key or content,
            "Content-Type": f"multipart/form-data; boundary=specreason-{content[:40]}",
        }
        return transport.request(
            "POST",
            path,
            safe=True,
            headers=headers,
            data=form,
            files={"file": (filename, file, "application/jsonl")},
            timeout=STORING_S,
        )


def _line(problem: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(problem), allow_nan=False).encode() + b"\n"
