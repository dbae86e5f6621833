"""A submission as a form: one file of problems, and what is to be done with them. The same input, the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypedDict, cast

from specreason.errors import InvalidField

CHUNK_BYTES = 1 << 20
# The name of content that comes without one.
FILENAME = "problems.jsonl"
_FILES = (io.IOBase, tempfile.SpooledTemporaryFile)

# A path of a JSONL file, its content, an open file, or problems one by one.
Problems = str | Path | bytes | IO[bytes] | Iterable[Mapping[str, Any]]


class Options(TypedDict, total=False):
    """What a caller may say of a submission beside its problems.

    `config` has the fields of RunConfig, `mapping` names the columns, as {"problem": "question"}, `deadline_s` is
    seconds from the submission, and `filename` is what the server calls content that has no name of its own.
    """

    pair: str
    config: Mapping[str, Any]
    mapping: Mapping[str, str] | None
    name: str
    priority: int
    deadline_s: float | None
    metadata: Mapping[str, Any]
    filename: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`Options` with their defaults, and for a grid its combinations."""

    pair: str = "demo"
    config: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, str] | None = None
    name: str = ""
    priority: int = 0
    deadline_s: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    filename: str | None = None
    grid: Mapping[str, Sequence[Any]] | None = None

    def form(self) -> dict[str, str]:
        """The fields of the form, those left out that say nothing."""
        fields: dict[str, Any] = {
            "name": self.name,
            "pair": self.pair,
            "config": _json(self.config) if self.config else None,
            "mapping": _json(self.mapping) if self.mapping else None,
            "priority": self.priority or None,  # 0 is what the server takes for none
            "deadline_s": self.deadline_s,
            "metadata": _json(self.metadata) if self.metadata else None,
            "grid": _json(self.grid) if self.grid else None,
        }
        return {name: str(value) for name, value in fields.items() if value not in (None, "")}


def content_key(file: IO[bytes], filename: str, choices: Choices) -> str:
    """The idempotency key of this file under these choices: the same again is the same submission."""
    file.seek(0)
    content = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        content.update(chunk)
    whole = _json({**choices.form(), "filename": filename, "content": content.hexdigest()})
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


def _line(problem: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(problem), allow_nan=False).encode() + b"\n"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
