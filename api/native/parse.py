"""Parses a submission. It validates every option, then locates the problems, which are checked afterwards."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from api.deployment import Deployment
from api.door.access import Caller
from api.ids import to_any_file_id
from api.native.bodies import Shape
from api.native.dataset import Dataset, DatasetProblems
from api.requests.uploads import Form, Upload
from specreason.config import RunConfig
from specreason.errors import InvalidField, NotFound
from specreason.pairs import PairConfig, get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.files.rows import NewFile, read_file
from specreason.submission.datasets import format_of
from specreason.submission.form import from_form, parse_json
from specreason.submission.grid import MOST_BATCHES
from specreason.submission.jsonl import load_json
from specreason.submission.options import Options
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
    problems: DatasetProblems
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
    file_id, named = fields.pop("file_id", None), fields.pop("format", None)
    if (body.file is None) == (file_id is None):
        raise InvalidField("file", "give either a file or the `file_id` of one")
    format_of("", named, option="format")
    options = _validate(shape.options, fields)
    configs = _configs(options, deployment.pairs)
    if body.file is not None:
        upload = _new_file(body.file, body.cleanup, caller)
        content, stored_id, filename = body.file.content.reader, upload.content.file_id, upload.filename
    else:
        upload = None
        stored_id, filename, content = _open_stored(deployment, str(file_id), caller)
        body.ended.enter_context(content)
    written = format_of(filename, named, option="format")
    dataset = Dataset.of_file(content, written, **_rows_of(options, most))
    problems = DatasetProblems(dataset)
    return Submission(options=options, configs=configs, problems=problems, upload=upload, file_id=stored_id)


def _parse_body(body: bytes, shape: Shape, pairs: Mapping[str, PairConfig], most: int) -> Submission:
    """Parse JSON: an object with options and `problems`, or the list of problems alone."""
    given = _parsed(body)
    if not isinstance(given, dict | list):
        raise InvalidField("body", f"must be a JSON object, or a list of objects, not {shown(given)}")
    name, fields = ("problems", dict(given)) if isinstance(given, dict) else ("body", {"body": given})
    rows = fields.pop(name, None)
    options = _validate(shape.options, fields)
    if rows is None:
        raise InvalidField(name, "is required")
    if not isinstance(rows, list):
        raise InvalidField(name, f"must be a list, not {shown(rows)}")
    if not rows:
        raise InvalidField(name, "needs at least 1 item")
    if len(rows) > most:
        raise InvalidField(name, f"has {counted(len(rows), 'item')}; a batch has at most {most:,}")
    dataset = Dataset.of_json(name, rows, **_rows_of(options, most))
    return Submission(options=options, configs=_configs(options, pairs), problems=DatasetProblems(dataset))


def _parsed(body: bytes) -> Any:
    """The JSON of a body. A list of rows alone is read as leniently as the same list in a file."""
    body = body.removeprefix(BOM_UTF8)
    if not body.lstrip().startswith(b"["):
        return parse_json(body, "body")
    try:
        return load_json(body, lenient=True)
    except ValueError as error:
        raise InvalidField("body", f"is not JSON ({error})") from error


def _rows_of(options: Options, most: int) -> dict[str, Any]:
    return {"mapping": options.mapping, "skip_invalid": options.skip_invalid, "most": most}


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


def _open_stored(deployment: Deployment, name: str, caller: Caller) -> tuple[UUID, str, BinaryIO]:
    """Find and open a file uploaded before; `name` is a plain id or OpenAI's. It may be deleted at any moment."""
    try:
        file = read_file(deployment.database, caller.viewer, to_any_file_id(name))
        return file.id, file.filename, deployment.folder.open(file.id)
    except NotFound as error:
        raise InvalidField("file_id", str(error)) from error


def _validate(model: type[Model], fields: Any, *, prefix: str = "") -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise first_invalid_field(error, prefix=prefix) from error
