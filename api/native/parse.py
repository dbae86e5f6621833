"""Parses a submission. It validates every option, then locates the problems, which are checked afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from api.deployment import Deployment
from api.door.access import Caller
from api.ids import to_any_file_id
from api.native.bodies import Shape
from api.requests.uploads import Form, Upload
from specreason.config import RunConfig
from specreason.errors import InvalidField, NotFound
from specreason.pairs import PairConfig, get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.files.rows import NewFile, read_file
from specreason.store.queue.problems import FileProblems, NewProblem
from specreason.submission.form import from_form, parse_json
from specreason.submission.grid import MOST_BATCHES
from specreason.submission.options import Options
from specreason.submission.problem import DEFAULT_COLUMNS, Columns, Problem, problem_of
from specreason.validation import first_invalid_field
from specreason.words import counted, shown

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A parsed submission, with the configuration of each batch as it is stored.

    `file_id` is the file that holds the problems; `upload` is its row, if the file is new.
    """

    options: Options
    configs: tuple[RunConfig, ...]
    problems: Iterable[NewProblem]
    upload: NewFile | None = None
    file_id: UUID | None = None


def parse(body: bytes | Form, shape: Shape, deployment: Deployment, caller: Caller) -> Submission:
    """Parse `body`. A new file becomes durable once the options are valid and fit the pair.

    Raises InvalidField for the first error, and StoreUnavailable if the disk is full.
    """
    most = deployment.settings.max_problems
    if isinstance(body, bytes):
        return _parse_body(body, shape, deployment.pairs, most)
    fields = from_form(body.fields)
    file_id = fields.pop("file_id", None)
    if (body.file is None) == (file_id is None):
        raise InvalidField("file", "give either a JSONL file or the `file_id` of one")
    options = _validate(shape.options, fields)
    configs = _configs(options, deployment.pairs)
    columns = options.mapping or DEFAULT_COLUMNS
    if body.file is not None:
        upload = _new_file(body.file, body.cleanup, caller)
        content, stored_id = body.file.content.reader, upload.content.file_id
    else:
        upload = None
        stored_id, content = _open_stored(deployment, str(file_id), caller)
        body.ended.enter_context(content)
    problems = FileProblems(content, columns, most)
    return Submission(options=options, configs=configs, problems=problems, upload=upload, file_id=stored_id)


def _parse_body(body: bytes, shape: Shape, pairs: Mapping[str, PairConfig], most: int) -> Submission:
    fields = parse_json(body, "body")
    if not isinstance(fields, dict):
        raise InvalidField("body", "must be a JSON object")
    rows, mapping = fields.get("problems"), fields.get("mapping")
    if isinstance(rows, list) and len(rows) > most:
        raise InvalidField("problems", f"has {counted(len(rows), 'item')}; a batch has at most {most:,}")
    if isinstance(rows, list) and mapping is not None:
        columns = _validate(Columns, mapping, prefix="mapping.")
        fields["problems"] = [
            _problem_from(row, columns, f"problems[{index}]") for index, row in enumerate(rows)
        ]
    batch = _validate(shape.json, fields)
    problems = [NewProblem.of(problem) for problem in batch.problems]
    return Submission(options=batch, configs=_configs(batch, pairs), problems=problems)


def _configs(options: Options, pairs: Mapping[str, PairConfig]) -> tuple[RunConfig, ...]:
    """The configuration of each batch, as it is stored.

    Raises InvalidField for an unknown pair, a configuration that the pair cannot run, or too many configurations.
    """
    pair = get_pair(pairs, options.pair)
    # Two thresholds may become equal when the pair's default replaces a missing one.
    resolved = (stored_config(each, options.pair, pair) for each in options.configurations())
    configs = tuple(dict.fromkeys(resolved))
    if len(configs) > MOST_BATCHES:
        raise InvalidField(
            "grid", f"has {counted(len(configs), 'combination')}; at most {MOST_BATCHES} are allowed"
        )
    return configs


def _new_file(upload: Upload, cleanup: ExitStack, caller: Caller) -> NewFile:
    content = upload.content.keep(cleanup)
    return NewFile(content=content, filename=upload.filename or "problems.jsonl", owner=caller.owner)


def _open_stored(deployment: Deployment, name: str, caller: Caller) -> tuple[UUID, BinaryIO]:
    """Find and open a file uploaded before. `name` is a plain id or OpenAI's. The file may be deleted at any moment."""
    try:
        file_id = read_file(deployment.database, caller.viewer, to_any_file_id(name)).id
        return file_id, deployment.folder.open(file_id)
    except NotFound as error:
        raise InvalidField("file_id", str(error)) from error


def _problem_from(row: Any, columns: Columns, field: str) -> Problem:
    if not isinstance(row, dict):
        raise InvalidField(field, f"must be an object, not {shown(row)}")
    return problem_of(row, columns, prefix=f"{field}.")


def _validate(model: type[Model], fields: Any, *, prefix: str = "") -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise first_invalid_field(error, prefix=prefix) from error
