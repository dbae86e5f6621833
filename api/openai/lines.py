"""Translates one line of an input file from OpenAI's fields into ours, or says why it is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.submission.problem import Problem
from specreason.submission.text import check_text
from specreason.validation import UNKNOWN_KEY, ClosedModel, first_invalid_field
from specreason.words import LONGEST_SHOWN, shown, suggestion, unknown_key

ENDPOINT = "/v1/chat/completions"
LINE_KEYS = frozenset({"custom_id", "method", "url", "body"})
LONGEST_CUSTOM_ID = 256  # characters
# One part in ANSWER_SHARE of `max_tokens` is reserved for the answer, unless the configuration asks for less.
ANSWER_SHARE = 4
# Fields of a RunConfig, by OpenAI's name for the same. `top_k` and `min_p` are of vLLM's own server: its clients send
# them beside the others.
CONFIG_FIELD_OF = {name: name for name in ("temperature", "top_p", "top_k", "min_p", "seed")} | {
    "n": "repeats"
}
# Fields that only label a request. No output depends on them, and they are not stored.
LABELS = frozenset(
    {"metadata", "prompt_cache_key", "safety_identifier", "service_tier", "store", "user"},
)
# Values of unsupported fields that request nothing. `null` and `false` request nothing in any field.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "function_call": ("auto", "none"),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "stop": ([],),
    "tool_choice": ("auto", "none"),
    "tools": ([],),
    "top_logprobs": (0,),
}
INSTRUCTIONS = ("system", "developer")  # roles of the messages that may precede the problem
ONE_PROBLEM = (
    "body.messages: must be one user message, the problem, with nothing before it but system or developer"
    " messages; a pair's template takes no other messages"
)


class LineInvalid(Exception):
    """The line is refused. The attributes are those of OpenAI's `errors.data[]`; `param` is the field."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


class TextPart(ClosedModel):
    """A part of a message. Images and audio are refused."""

    type: Literal["text"]
    text: str


def _parts(content: object) -> object:
    """Text alone is one part."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError(f"must be a string or a list of text parts, not {shown(content)}")
    return content


class Message(ClosedModel):
    """The problem, or instructions before it."""

    role: Literal["system", "developer", "user"]
    content: Annotated[list[TextPart], Field(fail_fast=True, min_length=1), BeforeValidator(_parts)]

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content)


class _Seed(BaseModel):
    model_config = ConfigDict(strict=True)

    seed: Annotated[int, Field(ge=0, lt=2**31)] | None


class Body(ClosedModel):
    """The supported fields of a chat completion. `specreason` holds fields of a RunConfig."""

    model_config = ConfigDict(strict=True)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Field(ge=2)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=2)] | None = None
    n: Annotated[int, Field(ge=1, le=1024)] | None = None
    specreason: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A valid line. `fields` are those of its RunConfig, without the seed. A `seed` of None means the default."""

    custom_id: str
    body: Body
    problem: str
    fields: dict[str, Any]
    seed: int | None

    @property
    def kind(self) -> str:
        """Lines with equal kinds have the same configuration."""
        limits = (self.body.max_tokens, self.body.max_completion_tokens)
        return json.dumps([self.body.model, limits, self.fields], sort_keys=True)


def read_line(row: dict[str, Any]) -> RequestLine:
    """Validate a line. Raises LineInvalid for the first error."""
    for key in sorted(LINE_KEYS - row.keys()):
        raise LineInvalid("missing_required_parameter", f"{key}: is required", key)
    for key in sorted(row.keys() - LINE_KEYS):
        message = f"{key[:LONGEST_SHOWN]!r}: {unknown_key(key, sorted(LINE_KEYS))}"
        raise LineInvalid("unsupported_parameter", message, key[:LONGEST_SHOWN])
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
    _check_roles(body.get("messages"))
    requested = {field: value for field, value in body.items() if not _requests_nothing(field, value)}
    try:
        completion = Body.model_validate(requested)
        fields = _fields_of(completion)
        return RequestLine(
            custom_id=_text(custom_id, "custom_id"),
            body=completion,
            problem=_problem_of(completion),
            seed=_Seed.model_validate({"seed": fields.pop("seed", None)}).seed,
            fields=fields,
        )
    except ValidationError as error:
        raise _refusal(error) from error


def config_of(line: RequestLine) -> RunConfig:
    """The line's configuration, without its seed. Raises LineInvalid."""
    try:
        config = RunConfig.model_validate(line.fields)
    except ValidationError as error:
        invalid = first_invalid_field(error, prefix="body.specreason.")
        raise LineInvalid("invalid_request", str(invalid), invalid.field) from error
    return _within(config, line.body)


def _check_roles(messages: object) -> None:
    """Check the roles first, before pydantic visits each message."""
    if not isinstance(messages, list):
        return
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if roles[-1:] != ["user"] or any(role not in INSTRUCTIONS for role in roles[:-1]):
        raise LineInvalid("unsupported_parameter", ONE_PROBLEM, "body.messages")


def _requests_nothing(field: str, value: object) -> bool:
    """Whether the field can be ignored. Clients also send fields that they do not use."""
    if value is None or field in LABELS:
        return True
    return field not in Body.model_fields and (value is False or value in NEUTRAL.get(field, ()))


def _fields_of(body: Body) -> dict[str, Any]:
    """Fields of a RunConfig: those of `specreason`, and OpenAI's fields of the same meaning."""
    fields = dict(body.specreason or {})
    for name, config_field in CONFIG_FIELD_OF.items():
        value = getattr(body, name)
        if value is None:
            continue
        if config_field in fields:
            param = f"body.specreason.{config_field}"
            message = f"{param}: has the same meaning as body.{name}; give one of them"
            raise LineInvalid("invalid_request", message, param)
        fields[config_field] = value
    return fields


def _within(config: RunConfig, body: Body) -> RunConfig:
    """Limit thinking and answer together to `max_tokens`; the configuration's own limits hold within it."""
    limits = {limit for limit in (body.max_tokens, body.max_completion_tokens) if limit is not None}
    if not limits:
        return config
    if len(limits) > 1:
        message = "body.max_tokens: differs from max_completion_tokens; give one of them"
        raise LineInvalid("invalid_request", message, "body.max_tokens")
    (most,) = limits
    answer = min(config.max_answer_tokens, max(1, most // ANSWER_SHARE))
    thinking = most - answer
    if "token_budget" in config.model_fields_set:
        thinking = min(thinking, config.token_budget)
    return config.model_copy(update={"max_answer_tokens": answer, "token_budget": thinking})


def _problem_of(body: Body) -> str:
    """The one user message of a pair's template. Reasoning models expect instructions in it, too."""
    *instructions, problem = (
        _text(message.text, f"body.messages[{number}].content").strip()
        for number, message in enumerate(body.messages)
    )
    # The problem is validated by itself first: instructions alone are not enough.
    text = Problem(problem=problem).problem
    return Problem(problem="\n\n".join([*filter(None, instructions), text])).problem


def _text(text: str, param: str) -> str:
    try:
        return check_text(text)
    except ValueError as error:
        raise LineInvalid("invalid_request", f"{param}: {error}", param) from None


def _refusal(error: ValidationError) -> LineInvalid:
    invalid: InvalidField = first_invalid_field(error, prefix="body.")
    complaint = error.errors()[0]
    if complaint["type"] == UNKNOWN_KEY:
        meant = suggestion(complaint["ctx"]["key"], complaint["ctx"]["known"])
        return LineInvalid(
            "unsupported_parameter", f"{invalid.field}: is not supported{meant}", invalid.field
        )
    if invalid.field == "body.problem":
        return LineInvalid("invalid_request", f"body.messages: {invalid.reason}", "body.messages")
    return LineInvalid("invalid_request", str(invalid), invalid.field)
