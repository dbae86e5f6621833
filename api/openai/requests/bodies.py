"""The supported fields of a chat completion and of a response, and the messages and limits that they stand for."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import INVALID, LineInvalid
from specreason.errors import InvalidField
from specreason.submission.chat import MESSAGE_SCHEMA, SYSTEM, USER, Message, messages_of, to_json
from specreason.validation import AT_A_PLACE, ClosedModel
from specreason.words import shown

# Items of a response's input that are no messages, and that no chat template shows to a model again.
_PASSED_OVER = "reasoning"
_MESSAGES_SCHEMA = {"type": "array", "minItems": 1, "items": MESSAGE_SCHEMA}
_INPUT_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1}, _MESSAGES_SCHEMA]}


def as_whole(value: object) -> object:
    """Tables write whole numbers with decimals, such as 7.0, where another row has none."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _all_tokens(value: object) -> object:
    """vLLM writes -1 where we write 0: sample from all tokens."""
    return 0 if value == -1 else value


def _chat(value: object) -> tuple[Message, ...]:
    try:
        return messages_of(value)
    except InvalidField as error:
        raise _at(error.field, error.reason) from None


def _input(value: object) -> tuple[Message, ...]:
    """The messages of a response's input: its text, or its list without the reasoning of earlier turns."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("needs at least 1 character")
        value = [{"role": USER, "content": value}]
    if not isinstance(value, list):
        raise ValueError(f"must be text or a list of messages, not {shown(value)}")
    places, items = [], []
    for number, item in enumerate(value):
        kind = item.get("type", "message") if isinstance(item, Mapping) else "message"
        if kind == _PASSED_OVER:
            continue
        if kind != "message":
            raise _at(f"[{number}].type", f"must be 'message', not {shown(kind)}: the models read text alone")
        places.append(number)
        items.append(item)
    try:
        return messages_of(items)
    except InvalidField as error:
        place = re.sub(r"^\[(\d+)\]", lambda match: f"[{places[int(match[1])]}]", error.field)
        raise _at(place, error.reason) from None


def _at(place: str, reason: str) -> PydanticCustomError:
    """The error at a place below the field, such as `[2].role`."""
    parts = (int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", place))
    return PydanticCustomError(AT_A_PLACE, "{reason}", {"reason": reason, "place": tuple(parts)})


Limit = Annotated[int, Field(ge=2), BeforeValidator(as_whole)]


class CommonFields(ClosedModel):
    """The fields of both bodies; `top_k`, `min_p` and `seed` are vLLM's in a response.

    `specreason` holds fields of a RunConfig.
    """

    model_config = ConfigDict(strict=True)

    # The fields of the most tokens of reasoning and answer together.
    LIMITS: ClassVar[tuple[str, ...]]
    # Fields of a RunConfig, by the name of the same here.
    CONFIG_FIELD_OF: ClassVar[dict[str, str]] = {
        name: name for name in ("temperature", "top_p", "top_k", "min_p", "seed")
    }

    model: str
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: (
        Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(_all_tokens), BeforeValidator(as_whole)] | None
    ) = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: Annotated[int, BeforeValidator(as_whole)] | None = None
    specreason: dict[str, Any] | None = None

    @property
    @abstractmethod
    def turns(self) -> tuple[Message, ...]:
        """The messages that the pair's template renders."""

    @property
    def most_tokens(self) -> int | None:
        """The most tokens of reasoning and answer together; None: the configuration's own limits hold.

        Raises LineInvalid if two fields disagree.
        """
        given = {name: getattr(self, name) for name in self.LIMITS if getattr(self, name) is not None}
        if len(set(given.values())) > 1:
            first, second = given
            message = f"body.{first}: differs from {second}; give one of them"
            raise LineInvalid(INVALID, message, f"body.{first}")
        return next(iter(given.values()), None)

    @property
    def config_fields(self) -> dict[str, Any]:
        """Fields of a RunConfig: those of `specreason`, and those here of the same meaning. Raises LineInvalid."""
        fields = dict(self.specreason or {})
        if fields.get("first_repeat", 0) != 0:
            param = "body.specreason.first_repeat"
            message = (
                f"{param}: the answers of a request are numbered from 0; submit a batch under /api instead"
            )
            raise LineInvalid(INVALID, message, param)
        for name, config_field in self.CONFIG_FIELD_OF.items():
            value = getattr(self, name)
            if value is None:
                continue
            if config_field in fields:
                param = f"body.specreason.{config_field}"
                message = f"{param}: has the same meaning as body.{name}; give one of them"
                raise LineInvalid(INVALID, message, param)
            fields[config_field] = value
        return fields


class Body(CommonFields):
    """The supported fields of a chat completion. `n` is the number of repeats."""

    LIMITS: ClassVar[tuple[str, ...]] = ("max_tokens", "max_completion_tokens")
    CONFIG_FIELD_OF: ClassVar[dict[str, str]] = {**CommonFields.CONFIG_FIELD_OF, "n": "repeats"}

    messages: Annotated[tuple[Message, ...], PlainValidator(_chat), WithJsonSchema(_MESSAGES_SCHEMA)]
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    n: Annotated[int, Field(ge=1, le=1024), BeforeValidator(as_whole)] | None = None

    @property
    def turns(self) -> tuple[Message, ...]:
        return self.messages


class ResponseBody(CommonFields):
    """The supported fields of a response. `instructions` come before the messages of the input."""

    LIMITS: ClassVar[tuple[str, ...]] = ("max_output_tokens",)

    input: Annotated[tuple[Message, ...], PlainValidator(_input), WithJsonSchema(_INPUT_SCHEMA)]
    instructions: str | None = None
    max_output_tokens: Limit | None = None

    @property
    def turns(self) -> tuple[Message, ...]:
        """Raises LineInvalid if instructions and input are too long together, or cannot be stored."""
        instructions = (self.instructions or "").strip()
        if not instructions:
            return self.input
        try:
            return messages_of(to_json([Message(SYSTEM, instructions), *self.input]))
        except InvalidField as error:
            raise LineInvalid(INVALID, f"body.instructions: {error.reason}", "body.instructions") from None

    @property
    def config_fields(self) -> dict[str, Any]:
        fields = super().config_fields
        if fields.get("repeats", 1) != 1:
            param = "body.specreason.repeats"
            message = f"{param}: a response has one answer; `n` of {Endpoint.CHAT} asks for more"
            raise LineInvalid(INVALID, message, param)
        return fields


BODY_OF: dict[Endpoint, type[Body] | type[ResponseBody]] = {
    Endpoint.CHAT: Body,
    Endpoint.RESPONSES: ResponseBody,
}


def absent(body: Mapping[str, Any], endpoint: Endpoint) -> list[str]:
    """The fields that a body needs and has not, those of its messages included."""
    needed = ("model", "messages") if endpoint is Endpoint.CHAT else ("model", "input")
    names = [f"body.{name}" for name in needed if name not in body]
    messages = body.get(needed[1])
    for number, message in enumerate(messages if isinstance(messages, Sequence) else ()):
        if isinstance(message, Mapping) and message.get("type", "message") == "message":
            place = f"body.{needed[1]}[{number}]"
            names += [f"{place}.{key}" for key in ("role", "content") if key not in message]
    return names
