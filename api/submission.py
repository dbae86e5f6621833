"""What a client may POST to /api/batches: JSON, or a form with a JSONL file. All is checked before a row exists."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from api.access import Caller, caller_of
from specreason.config import PairConfig, RunConfig, first_invalid_field, get_pair
from specreason.errors import InvalidField, TooLarge, UnknownName
from specreason.evaluation.datasets import Problem, load_json, parse_jsonl
from specreason.reasoning.schemes import misfit
from specreason.settings import Settings
from specreason.store.batches import NewBatch, NewFile, NewProblem

FORM_FIELDS = frozenset({"file", "name", "pair", "config", "priority", "deadline_s", "metadata"})
LONGEST_DEADLINE_S = 366 * 86_400


class Submission(BaseModel):
    """A batch: one configuration and many problems. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=200)] = ""
    pair: str = Field("demo", description="A pair of this deployment's pairs.toml.")
    config: RunConfig = RunConfig()
    problems: Annotated[tuple[Problem, ...], Field(min_length=1)]
    priority: Annotated[int, Field(ge=-100, le=100)] = Field(0, description="Larger goes first.")
    deadline_s: Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S)] | None = Field(
        None, description="What has not ended so many seconds from now expires."
    )
    metadata: dict[str, Any] = Field(default_factory=dict)


# What read_submission takes, for the generated documentation: FastAPI itself sees only a raw request.
SUBMISSION_DOC: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Submission.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JSONL: a problem a line.",
                        },
                        "name": {"type": "string"},
                        "pair": {"type": "string"},
                        "config": {"type": "string", "description": "The run configuration as JSON."},
                        "priority": {"type": "integer"},
                        "deadline_s": {"type": "number"},
                        "metadata": {"type": "string", "description": "A JSON object."},
                    },
                }
            },
        },
    }
}


async def read_submission(request: Request) -> tuple[NewBatch, str]:
    """The batch that `request` asks for, and a hash of all it says. Raises InvalidField for the first wrong thing."""
    settings: Settings = request.app.state.settings
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type == "application/json":
        submission, file = _parse(await _json_body(request, settings)), None
    elif content_type == "multipart/form-data":
        submission, file = await _from_form(request, settings)
    else:
        raise InvalidField("Content-Type", "must be application/json or multipart/form-data")
    if len(submission.problems) > settings.max_problems:
        count = len(submission.problems)
        raise InvalidField("problems", f"are {count}; a batch has at most {settings.max_problems}")
    pair = _pair_of(submission, request.app.state.pairs)
    return _new_batch(submission, pair, file, caller_of(request)), _hash(submission, file)


async def _json_body(request: Request, settings: Settings) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.max_upload_bytes:
            raise TooLarge("body", f"is larger than {settings.max_upload_bytes} bytes")
    return bytes(body)


async def _from_form(request: Request, settings: Settings) -> tuple[Submission, NewFile]:
    async with request.form() as form:
        if unknown := set(form) - FORM_FIELDS:
            raise InvalidField(min(unknown), "unknown key")
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise InvalidField("file", "a JSONL file is required")
        content = await upload.read(settings.max_upload_bytes + 1)
        if len(content) > settings.max_upload_bytes:
            raise TooLarge("file", f"is larger than {settings.max_upload_bytes} bytes")
        fields = {key: value for key, value in form.items() if key != "file"}
    for key in ("config", "metadata"):
        if key in fields:
            fields[key] = _parse_json(fields[key], key)
    problems = parse_jsonl(content.splitlines())
    if not problems:
        raise InvalidField("file", "has no problems")
    file = NewFile(
        filename=upload.filename or "problems.jsonl",
        content=content,
    )
    return _validate({**fields, "problems": problems}), file


def _parse(body: bytes) -> Submission:
    row = _parse_json(body, "body")
    if not isinstance(row, dict):
        raise InvalidField("body", "must be a JSON object")
    return _validate(row)


def _parse_json(text: Any, field: str) -> Any:
    try:
        return load_json(text)
    except ValueError as error:
        raise InvalidField(field, f"is not JSON ({error})") from error


def _validate(fields: dict[str, Any]) -> Submission:
    try:
        return Submission.model_validate(fields)
    except ValidationError as error:
        raise first_invalid_field(error) from error


def _pair_of(submission: Submission, pairs: dict[str, PairConfig]) -> PairConfig:
    try:
        return get_pair(pairs, submission.pair)
    except UnknownName as error:
        raise InvalidField("pair", str(error).removeprefix("pair: ")) from error


def _hash(submission: Submission, file: NewFile | None) -> str:
    body = hashlib.sha256(json.dumps(submission.model_dump(), sort_keys=True, default=str).encode())
    body.update(file.content if file is not None else b"")
    return body.hexdigest()


def _new_batch(submission: Submission, pair: PairConfig, file: NewFile | None, caller: Caller) -> NewBatch:
    """The stored configuration names its threshold: a later change of the pair's default changes no batch."""
    config = submission.config
    if not config.scheme.fits(base_speculates=pair.speculation is not None):
        raise InvalidField("config.scheme", misfit(config.scheme, submission.pair))
    if config.threshold is None:
        config = config.model_copy(update={"threshold": pair.threshold})
    return NewBatch(
        name=submission.name,
        pair=submission.pair,
        config=config,
        problems=tuple(
            NewProblem(problem_id=p.id, text=p.problem, answer=p.answer, source=p.source)
            for p in submission.problems
        ),
        priority=submission.priority,
        deadline_at=_from_now(submission.deadline_s),
        metadata=submission.metadata,
        file=file,
        owner=caller.owner,
        max_queued_jobs=caller.max_queued_jobs,
    )


def _from_now(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
