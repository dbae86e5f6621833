"""What a request to /v1/chat/completions asks for: the body of a batch line, and whether its answer is streamed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, ValidationError

from api.openai.input_file import pair_and_config
from api.openai.lines import RequestLine, read_line
from api.openai.requests.bodies import Body
from api.openai.requests.endpoint import Endpoint
from api.openai.requests.refusal import INVALID, LineInvalid, first_invalid
from specreason.config import RunConfig
from specreason.errors import InvalidField
from specreason.pairs import PairConfig
from specreason.submission.form import parse_json
from specreason.validation import ClosedModel
from specreason.words import counted

# A line of a batch names its request; here nothing else is in the line.
CUSTOM_ID = "chat"


class StreamOptions(ClosedModel):
    """`include_usage`: a last chunk has the token counts. Obfuscation may be asked for and is not done."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Streaming(ClosedModel):
    """The fields of a request that a line of a batch does not have."""

    model_config = ConfigDict(strict=True)

    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A valid request, with its configuration as it is stored."""

    line: RequestLine
    pair: str
    config: RunConfig
    is_streamed: bool
    with_usage: bool


def read_asked(content: bytes, pairs: Mapping[str, PairConfig], *, model: str | None, max_jobs: int) -> Asked:
    """Read the body of a request. `model` is the one that its path names, if it names one.

    Raises LineInvalid, whose `param` is the field as the client wrote it; InvalidField if the body is not JSON.
    """
    body = parse_json(content, "body")
    if not isinstance(body, dict):
        raise InvalidField("body", "must be a JSON object")
    if model is not None:
        body = {**body, "model": model}
    try:
        streaming = _streaming(body)
        rest = {field: value for field, value in body.items() if field not in Streaming.model_fields}
        line = read_line({"custom_id": CUSTOM_ID, "method": "POST", "url": Endpoint.CHAT, "body": rest})
        pair, config = pair_and_config(line, pairs)
        if config.repeats > max_jobs:
            most = counted(max_jobs, "answer")
            raise LineInvalid(INVALID, f"body.n: a request may ask for at most {most}", "body.n")
    except LineInvalid as refused:
        raise _without_body(refused) from refused
    return Asked(
        line=line,
        pair=pair,
        config=config,
        is_streamed=streaming.stream is True,
        with_usage=streaming.with_usage,
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of the body, for the OpenAPI document."""
    own = Streaming.model_json_schema()
    shared = Body.model_json_schema()
    shared["title"] = "ChatCompletionRequest"
    shared["properties"] |= own["properties"]
    shared.setdefault("$defs", {}).update(own["$defs"])
    return shared


def _streaming(body: Mapping[str, Any]) -> Streaming:
    given = {name: body[name] for name in Streaming.model_fields if name in body}
    if isinstance(options := given.get("stream_options"), Mapping):
        # An option of other servers that asks for nothing.
        given["stream_options"] = {
            name: value
            for name, value in options.items()
            if name in StreamOptions.model_fields or value not in (None, False)
        }
    try:
        streaming = Streaming.model_validate(given)
    except ValidationError as error:
        raise first_invalid(error, prefix="body.") from error
    if streaming.with_usage and not streaming.stream:
        message = "body.stream_options: needs `stream` to be true"
        raise LineInvalid(INVALID, message, "body.stream_options")
    return streaming


def _without_body(refused: LineInvalid) -> LineInvalid:
    """The refusal of a line as that of a request, whose fields are in no `body`."""
    message = re.sub(r"(?:^|(?<=, )|(?<= as ))body\.", "", refused.message)
    return LineInvalid(
        refused.code, message, None if refused.param is None else refused.param.removeprefix("body.")
    )
