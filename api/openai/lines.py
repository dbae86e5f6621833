"""One line of an input file: what OpenAI lets it say, in our words, or what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from specreason.config import ClosedModel, RunConfig, first_invalid_field
from specreason.errors import InvalidField
from specreason.evaluation.datasets import Problem

ENDPOINT = "/v1/chat/completions"
LINE_KEYS = frozenset({"custom_id", "method", "url", "body"})
LONGEST_CUSTOM_ID = 256  # characters
# Of `max_tokens`, the part that is kept for the answer, where the configuration does not ask for less.
ANSWER_SHARE = 4
# The names under which OpenAI's fields and ours say the same.
OURS = {"temperature": "temperature", "top_p": "top_p", "n": "repeats", "seed": "seed"}


class LineInvalid(Exception):
    """A line that is refused, in the form of OpenAI's `errors.data[]`; `param` is the field."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


class TextPart(ClosedModel):
    """A part of a message. Images and sounds are refused."""

    type: Literal["text"]
    text: str


class Message(ClosedModel):
    """The one turn that a pair's template takes: the problem."""

    role: Literal["user"]
    content: str | Annotated[list[TextPart], Field(fail_fast=True, min_length=1)]

    @property
    def text(self) -> str:
        return (
            self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        )


class _Seed(BaseModel):
    model_config = ConfigDict(strict=True)

    seed: Annotated[int, Field(ge=0, lt=2**31)] | None


class Body(ClosedModel):
    """What a chat completion may ask for here. `specreason` holds fields of a RunConfig."""

    model_config = ConfigDict(strict=True)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Field(ge=2)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=2)] | None = None
    n: Annotated[int, Field(ge=1, le=1024)] | None = None
    user: str | None = None
    specreason: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A line that is fine by itself. `fields` are those of the configuration, without the seed; None: the default."""

    custom_id: str
    body: Body
    problem: str
    fields: dict[str, Any]
    seed: int | None

    @property
    def kind(self) -> str:
        """Lines of one kind share one configuration."""
        limits = (self.body.max_tokens, self.body.max_completion_tokens)
        return json.dumps([self.body.model, limits, self.fields], sort_keys=True)


def read_line(row: dict[str, Any]) -> RequestLine:
    """Raises LineInvalid for the first thing that is wrong."""
    for key in sorted(LINE_KEYS - row.keys()):
        raise LineInvalid("missing_required_parameter", f"{key}: is required", key)
    for key in sorted(row.keys() - LINE_KEYS):
        raise LineInvalid("unsupported_parameter", f"{key[:80]!r}: unknown key", key[:80])
    custom_id, body = row["custom_id"], row["body"]
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_CUSTOM_ID:
        message = f"custom_id: must be text of 1 to {LONGEST_CUSTOM_ID} characters"
        raise LineInvalid("invalid_custom_id", message, "custom_id")
    if row["method"] != "POST":
        raise LineInvalid("invalid_method", "method: must be POST", "method")
    if row["url"] != ENDPOINT:
        raise LineInvalid("invalid_url", f"url: must be {ENDPOINT}", "url")
    if not isinstance(body, dict):
        raise LineInvalid("invalid_request", "body: must be a JSON object", "body")
    if isinstance(turns := body.get("messages"), list) and len(turns) > 1:
        message = (
            "body.messages: must be one user message, the problem; a pair's template takes no other turns"
        )
        raise LineInvalid("unsupported_parameter", message, "body.messages")
    # Clients write down what they do not want, too.
    asked = {
        key: value
        for key, value in body.items()
        if value is not None and (value is not False or key in Body.model_fields)
    }
    try:
        read = Body.model_validate(asked)
        fields = _fields_of(read)
        return RequestLine(
            custom_id=_text(custom_id, "custom_id"),
            body=read,
            problem=_problem_of(read),
            seed=_Seed.model_validate({"seed": fields.pop("seed", None)}).seed,
            fields=fields,
        )
    except ValidationError as error:
        raise _refusal(error) from error


def config_of(line: RequestLine) -> RunConfig:
    """The configuration that the line asks for, but for its seed. Raises LineInvalid."""
    try:
        config = RunConfig.model_validate(line.fields)
    except ValidationError as error:
        wrong = first_invalid_field(error, prefix="body.specreason.")
        raise LineInvalid("invalid_request", str(wrong), wrong.field) from error
    return _within(config, line.body)


def _fields_of(body: Body) -> dict[str, Any]:
    """Fields of a RunConfig, from `specreason` and from the body's own that say the same."""
    fields = dict(body.specreason or {})
    for theirs, ours in OURS.items():
        value = getattr(body, theirs)
        if value is None:
            continue
        if ours in fields:
            message = f"body.specreason.{ours}: says the same as body.{theirs}; give one of them"
            raise LineInvalid("invalid_request", message, f"body.specreason.{ours}")
        fields[ours] = value
    return fields


def _within(config: RunConfig, body: Body) -> RunConfig:
    """Thinking and answer together have no more than `max_tokens`; our own limits hold within it."""
    limits = {limit for limit in (body.max_tokens, body.max_completion_tokens) if limit is not None}
    if not limits:
        return config
    if len(limits) > 1:
        message = "body.max_tokens: is not max_completion_tokens; give one of them"
        raise LineInvalid("invalid_request", message, "body.max_tokens")
    (most,) = limits
    answer = min(config.max_answer_tokens, max(1, most // ANSWER_SHARE))
    thinking = most - answer
    if "token_budget" in config.model_fields_set:
        thinking = min(thinking, config.token_budget)
    return config.model_copy(update={"max_answer_tokens": answer, "token_budget": thinking})


def _problem_of(body: Body) -> str:
    return Problem(problem=_text(body.messages[0].text, "body.messages[0].content")).problem


def _text(text: str, param: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LineInvalid("invalid_request", f"{param}: has half a surrogate pair", param) from None
    if "\0" in text:
        raise LineInvalid("invalid_request", f"{param}: has a NUL character", param)
    return text


def _refusal(error: ValidationError) -> LineInvalid:
    wrong: InvalidField = first_invalid_field(error, prefix="body.")
    if error.errors()[0]["type"] == "extra_forbidden":
        return LineInvalid("unsupported_parameter", f"{wrong.field}: is not supported", wrong.field)
    if wrong.field == "body.problem":
        return LineInvalid("invalid_request", f"body.messages: {wrong.reason}", "body.messages")
    return LineInvalid("invalid_request", str(wrong), wrong.field)
