"""One line of an input file: what OpenAI lets it say, in our words, or what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.submission.problem import Problem
from specreason.submission.text import check_text
from specreason.validation import ClosedModel, first_invalid_field

ENDPOINT = "/v1/chat/completions"
LINE_KEYS = frozenset({"custom_id", "method", "url", "body"})
LONGEST_CUSTOM_ID = 256  # characters
# Of `max_tokens`, the part that is kept for the answer, where the configuration does not ask for less.
ANSWER_SHARE = 4
# The names under which OpenAI's fields and ours say the same.
OURS = {"temperature": "temperature", "top_p": "top_p", "n": "repeats", "seed": "seed"}
# Fields that label a request: no text depends on them, and none is kept.
LABELS = frozenset(
    {"metadata", "prompt_cache_key", "safety_identifier", "service_tier", "store", "user"},
)
# Of fields that are not supported, the values that ask for nothing; so do `null` and `false` in any field.
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
INSTRUCTIONS = ("system", "developer")  # the roles of what goes before the problem
ONE_TURN = (
    "body.messages: must be one user message, the problem, with nothing before it but system or developer"
    " messages; a pair's template takes no other turns"
)


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
    """The problem, or instructions that go before it."""

    role: Literal["system", "developer", "user"]
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
    _check_turns(body.get("messages"))
    asked = {field: value for field, value in body.items() if not _asks_nothing(field, value)}
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


def _check_turns(messages: object) -> None:
    """Before each of them is looked at."""
    if not isinstance(messages, list):
        return
    *before, last = (turn.get("role") if isinstance(turn, dict) else None for turn in messages or [None])
    if last != "user" or any(role not in INSTRUCTIONS for role in before):
        raise LineInvalid("unsupported_parameter", ONE_TURN, "body.messages")


def _asks_nothing(field: str, value: object) -> bool:
    """Clients write down what they do not want, too."""
    if value is None or field in LABELS:
        return True
    return field not in Body.model_fields and (value is False or value in NEUTRAL.get(field, ()))


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
    """The one turn that a pair's template takes: makers of reasoning models want instructions there, too."""
    *instructions, problem = (
        _text(message.text, f"body.messages.{number}.content").strip()
        for number, message in enumerate(body.messages)
    )
    alone = Problem(problem=problem).problem  # instructions without a problem are none
    return Problem(problem="\n\n".join([*filter(None, instructions), alone])).problem


def _text(text: str, param: str) -> str:
    try:
        return check_text(text)
    except ValueError as error:
        raise LineInvalid("invalid_request", f"{param}: {error}", param) from None


def _refusal(error: ValidationError) -> LineInvalid:
    wrong: InvalidField = first_invalid_field(error, prefix="body.")
    if error.errors()[0]["type"] == "extra_forbidden":
        return LineInvalid("unsupported_parameter", f"{wrong.field}: is not supported", wrong.field)
    if wrong.field == "body.problem":
        return LineInvalid("invalid_request", f"body.messages: {wrong.reason}", "body.messages")
    return LineInvalid("invalid_request", str(wrong), wrong.field)
