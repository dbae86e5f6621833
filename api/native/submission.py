"""What a client may POST to /api/batches and /api/grids: JSON, or a form with a JSONL file.

All is checked before a row exists. A file's problems are read from the disk, once to be checked and once to be stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from api.deployment import deployment_of
from api.door.access import Caller, caller_of
from api.native.bodies import Choices, GridChoices, GridSubmission, Submission
from api.native.uploads import Form, read_form, remove_unless_known
from api.openai.ids import to_file_id
from specreason.config import PairConfig, RunConfig, get_pair
from specreason.errors import InvalidField, NotFound, TooLarge
from specreason.settings import Settings
from specreason.store.files.rows import NewFile, read_file
from specreason.store.queue.batches import NewBatch, NewProblem
from specreason.submission.jsonl import BLANK_PER_LINE, load_json
from specreason.submission.problem import AS_OURS, Columns, Problem, problem_of, problems_in
from specreason.validation import first_invalid_field

JSON_FIELDS = ("config", "metadata", "mapping", "grid")  # of a form, whose fields are text

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A submission that is fine as far as it was read: a file's problems are read as they are stored."""

    choices: Choices
    problems: Iterable[NewProblem]
    pair: PairConfig
    caller: Caller
    upload: NewFile | None = None
    file_id: UUID | None = None

    def batch(self, config: RunConfig, **other: Any) -> NewBatch:
        """One batch of these problems with a configuration as it is stored."""
        choices = self.choices
        seconds = choices.deadline_s
        values: dict[str, Any] = {
            "name": choices.name,
            "metadata": choices.metadata,
            **other,
        }
        return NewBatch(
            pair=choices.pair,
            config=config,
            problems=self.problems,
            priority=choices.priority,
            deadline_at=None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds),
            owner=self.caller.owner,
            max_queued_jobs=self.caller.max_queued_jobs,
            file_id=self.file_id,
            **values,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A submission as it came in. `read` says what it asks for, or raises InvalidField for what is wrong first."""

    body_hash: str  # of all that was said: a form sent again has other bytes
    read: Callable[[], Asked]


@dataclass(frozen=True, slots=True, eq=False)
class FileProblems:
    """The problems in an open JSONL file, read anew each time. Raises InvalidField that names the line."""

    content: BinaryIO
    columns: Columns
    most: int

    def __iter__(self) -> Iterator[NewProblem]:
        count = 0
        found = problems_in(self.content, self.columns, most_blank=BLANK_PER_LINE * self.most)
        for count, problem in enumerate(found, start=1):
            if count > self.most:
                raise InvalidField("file", f"has more than {self.most} problems")
            yield _new_problem(problem)
        if not count:
            raise InvalidField("file", "has no problems")


@asynccontextmanager
async def read_submission(request: Request, *, grid: bool = False) -> AsyncIterator[Sent]:
    """What came with `request`; its file is open until the block ends. Raises InvalidField."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type == "application/json":
        body = await _json_body(request)
        shape = GridSubmission if grid else Submission
        digest = hashlib.sha256(body).hexdigest()
        yield Sent(body_hash=digest, read=partial(_from_json, request, body, shape))
    elif content_type == "multipart/form-data":
        choices = GridChoices if grid else Choices
        async with read_form(request, {*choices.model_fields, "file_id"}) as form:
            cleanup = ExitStack()
            try:
                yield Sent(
                    body_hash=_hash_of(form), read=partial(_from_form, request, form, choices, cleanup)
                )
            finally:
                await run_in_threadpool(cleanup.close)
    else:
        raise InvalidField("Content-Type", "must be application/json or multipart/form-data")


async def _json_body(request: Request) -> bytes:
    most = _settings(request).max_body_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge("body", f"is larger than {most} bytes: send the problems as a file, in a form")
    return bytes(body)


def _from_json(request: Request, body: bytes, form: type[Submission]) -> Asked:
    row = _parse_json(body, "body")
    if not isinstance(row, dict):
        raise InvalidField("body", "must be a JSON object")
    given, mapping = row.get("problems"), row.get("mapping")
    most = _settings(request).max_problems
    if isinstance(given, list) and len(given) > most:
        raise InvalidField("problems", f"are {len(given)}; a batch has at most {most}")
    if isinstance(given, list) and mapping is not None:
        columns = _validate(Columns, mapping, prefix="mapping.")
        row["problems"] = [_mapped(each, columns, f"problems.{index}") for index, each in enumerate(given)]
    submission = _validate(form, row)
    return Asked(
        choices=submission,
        problems=tuple(_new_problem(problem) for problem in submission.problems),
        pair=_pair_of(request, submission),
        caller=caller_of(request),
    )


def _hash_of(form: Form) -> str:
    digest = None if form.file is None else form.file.content.sha256
    return hashlib.sha256(json.dumps([sorted(form.fields.items()), digest]).encode()).hexdigest()


def _from_form(request: Request, form: Form, shape: type[Choices], cleanup: ExitStack) -> Asked:
    fields: dict[str, Any] = {
        key: _parse_json(value, key) if key in JSON_FIELDS else value for key, value in form.fields.items()
    }
    file_id = fields.pop("file_id", None)
    if (form.file is None) == (file_id is None):
        raise InvalidField("file", "a JSONL file is required, or the file_id of one; not both")
    choices = _validate(shape, fields)
    pair, caller = _pair_of(request, choices), caller_of(request)
    upload = None
    if form.file is not None:
        stored = form.file.content.keep()
        found_id = stored.file_id
        cleanup.callback(remove_unless_known, request, found_id)
        upload = NewFile(content=stored, filename=form.file.filename or "problems.jsonl", owner=caller.owner)
        content = cleanup.enter_context(deployment_of(request).folder.open(found_id))
    else:
        found_id, known = _open_known(request, str(file_id), caller)
        content = cleanup.enter_context(known)
    return Asked(
        choices=choices,
        problems=FileProblems(content, choices.mapping or AS_OURS, _settings(request).max_problems),
        pair=pair,
        caller=caller,
        upload=upload,
        file_id=found_id,
    )


def _open_known(request: Request, given: str, caller: Caller) -> tuple[UUID, BinaryIO]:
    """A file uploaded before, by OpenAI's name for it or by ours. It may be deleted at any moment."""
    deployment = deployment_of(request)
    try:
        try:
            file_id = UUID(given)
        except ValueError:
            file_id = to_file_id(given)
        found_id = read_file(deployment.database, caller.viewer, file_id).id
        return found_id, deployment.folder.open(found_id)
    except NotFound as error:
        raise InvalidField("file_id", str(error)) from error


def _mapped(row: Any, columns: Columns, field: str) -> Problem:
    if not isinstance(row, dict):
        raise InvalidField(field, "must be a JSON object")
    return problem_of(row, columns, prefix=f"{field}.")


def _new_problem(problem: Problem) -> NewProblem:
    return NewProblem(
        problem_id=problem.id, text=problem.problem, answer=problem.answer, source=problem.source
    )


def _parse_json(text: str | bytes, field: str) -> Any:
    try:
        return load_json(text)
    except ValueError as error:
        raise InvalidField(field, f"is not JSON ({error})") from error


def _validate(model: type[Model], fields: Any, *, prefix: str = "") -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise first_invalid_field(error, prefix=prefix) from error


def _pair_of(request: Request, choices: Choices) -> PairConfig:
    return get_pair(deployment_of(request).pairs, choices.pair)


def _settings(request: Request) -> Settings:
    return deployment_of(request).settings
