"""Sends a submission as a form: a file of problems, and what to do with them. The same input makes the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, TypedDict, cast

from specreason.client.deadline import Deadline
from specreason.client.transport import Transport, body_of
from specreason.config import RunConfig, SchemeName, ScoreMethod
from specreason.errors import InvalidField, LimitReached, NotConnected, TimedOut, TransientError
from specreason.submission.form import to_form
from specreason.submission.jsonl import canonical_json
from specreason.words import unknown_key

CHUNK_BYTES = 1 << 20
# How long the answer to a submission may take: a server that stores fifty thousand jobs answers late.
STORING_S = 300.0
# What became of a submission that failed.
NOTHING = "Nothing was stored."
UNKNOWN = "it is not known whether the batch was stored, and sending the same again finds it or stores it"
# The name of content that comes without one.
FILENAME = "problems.jsonl"
_FILES = (io.IOBase, tempfile.SpooledTemporaryFile)

# A path of a file, its content, an open file, or problems one by one. Content without a name is JSONL.
Problems = str | Path | bytes | IO[bytes] | Iterable[Mapping[str, Any]]


class Arguments(TypedDict, total=False):
    """Arguments of `Client.submit` besides the problems: the options of a submission, and a name for its file.

    `config` has the fields of RunConfig, `mapping` names the columns, as {"problem": "question"}, `deadline_s` is
    seconds from the submission, and `filename` is the name of content that has none of its own: it says the format.
    With `skip_invalid` wrong problems are left out. `within_s` bounds the seconds until it is known to be stored.
    """

    pair: str
    config: Mapping[str, Any]
    mapping: Mapping[str, str] | None
    name: str
    priority: int
    deadline_s: float | None
    metadata: Mapping[str, Any]
    skip_invalid: bool
    filename: str | None
    within_s: float | None


def send(
    transport: Transport,
    path: str,
    problems: Problems,
    key: str | None,
    *,
    filename: str | None = None,
    within_s: float | None = None,
    **options: Any,
) -> tuple[Any, bool]:
    """The stored submission as JSON, and whether the server had it already. Without a key, its content makes one.

    Raises TimedOut after `within_s` seconds. The message of every error but a refusal says what became of it.
    """
    form = to_form(options_of(options))
    deadline = Deadline.after(within_s)
    with opened(problems) as (own_name, file):
        filename = filename or own_name
        content = content_key(file, filename, form)
        # The boundary is made from the content too: a server may compare bodies byte by byte.
        headers = {
            "Idempotency-Key": key or content,
            "Content-Type": f"multipart/form-data; boundary=specreason-{content[:40]}",
        }
        post = partial(
            transport.request,
            "POST",
            path,
            safe=True,
            silence_s=STORING_S,
            within_s=deadline.for_an_answer().left_s,
            headers=headers,
            data=form,
            files={"file": (filename, file, "application/jsonl")},
        )
        try:
            response = deadline.hold(post)
        except TimedOut as error:
            raise TimedOut(f"{error}; {UNKNOWN}") from error
        except TransientError as error:
            # Before the API refused the last try, it may have stored one whose answer was lost.
            message = f"{error} {NOTHING}" if isinstance(error, NotConnected) else f"{error}; {UNKNOWN}"
            if deadline.is_over:
                raise TimedOut(message) from error
            if isinstance(error, LimitReached):
                raise
            raise type(error)(message) from error
    return body_of(response), response.headers.get("Idempotent-Replayed") == "true"


class Knobs(TypedDict, total=False):
    """The fields of RunConfig, each with the values that it may have in JSON."""

    scheme: SchemeName | Literal["base", "drafter", "specdecode", "specreason", "specreason+decode"]
    threshold: float | None
    score_method: ScoreMethod | Literal["greedy", "expected"]
    first_steps_on_base: int
    token_budget: int
    max_step_tokens: int
    min_step_tokens: int
    max_steps: int
    max_answer_tokens: int
    max_same_steps: int
    on_budget: Literal["answer", "stop"]
    answer_by: Literal["base", "drafter"]
    overlap: bool
    adaptive: bool
    delimiter: str
    temperature: float
    top_p: float
    top_k: int | None
    min_p: float | None
    drafter_temperature: float | None
    drafter_top_p: float | None
    drafter_top_k: int | None
    drafter_min_p: float | None
    seed: int
    repeats: int
    first_repeat: int


class ArgumentsAndKnobs(Arguments, Knobs, total=False):
    """Arguments of `Client.submit`. A knob may be named beside `config`, which holds the others."""


_KNOWN = (*ArgumentsAndKnobs.__annotations__, "grid")


def options_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a submission among its arguments, with the knobs in `config`.

    Raises InvalidField for an unknown name, and for a knob that `config` has too.
    """
    options: dict[str, Any] = {}
    knobs: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in _KNOWN:
            raise InvalidField(name, unknown_key(name, _KNOWN))
        (knobs if name in RunConfig.model_fields else options)[name] = value
    config = options.get("config") or {}
    for name in knobs:
        if name in config:
            raise InvalidField(name, "is in `config` too; give one of them")
    return options | {"config": {**config, **knobs}} if knobs else options


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
    """File name and an open, seekable file. Problems given one by one are spooled to disk, not to memory."""
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
