"""Translates one line of an input file from OpenAI's fields into ours, or says why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.openai.requests.asks import asked_for, without_nulls
from api.openai.requests.bodies import BODY_OF, CommonFields, absent, as_whole
from api.openai.requests.endpoint import Endpoint, endpoint_of
from api.openai.requests.refusal import INVALID, UNSUPPORTED, LineInvalid, first_invalid, missing
from specreason.config import LARGEST_SEED, SMALLEST_SEED, RunConfig
from specreason.store.queue.problems import NewProblem
from specreason.submission.chat import Message, is_plain
from specreason.submission.text import check_text
from specreason.words import LONGEST_SHOWN, shown, unknown_key

LINE_KEYS = ("custom_id", "method", "url", "body")
# Keys that only label a line.
LINE_LABELS = frozenset({"id", "metadata"})
LONGEST_CUSTOM_ID = 256  # characters
MOST_MISSING = 10  # fields that one refusal names
# One part in ANSWER_SHARE of the most tokens is reserved for the answer, unless the configuration asks for less.
ANSWER_SHARE = 4


class _Seed(BaseModel):
    model_config = ConfigDict(strict=True)

    seed: Annotated[int, Field(ge=SMALLEST_SEED, le=LARGEST_SEED), BeforeValidator(as_whole)] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A valid line. `fields` are those of its RunConfig, without the seed. A `seed` of None means the default.

    `most_tokens` limits reasoning and answer together; None: the configuration's own limits hold.
    """

    custom_id: str
    body: CommonFields
    messages: tuple[Message, ...]
    most_tokens: int | None
    fields: dict[str, Any]
    seed: int | None

    @property
    def kind(self) -> str:
        """Lines with equal kinds have the same configuration."""
        return json.dumps([self.body.model, self.most_tokens, self.fields], sort_keys=True)

    @property
    def problem(self) -> NewProblem:
        """The problem as it is stored."""
        return NewProblem(
            text=self.messages[-1].content,
            messages=None if is_plain(self.messages) else self.messages,
            problem_id=self.custom_id,
            seed=self.seed,
        )


def read_line(row: Mapping[str, Any], endpoint: Endpoint = Endpoint.CHAT) -> RequestLine:
    """Validate a line of a batch for `endpoint`. Raises LineInvalid for the first error."""
    row = without_nulls(row)
    _check_keys(row, endpoint)
    try:
        body = BODY_OF[endpoint].model_validate(asked_for(row["body"], BODY_OF[endpoint].model_fields))
        fields = body.config_fields
        return RequestLine(
            custom_id=row["custom_id"],
            body=body,
            messages=body.turns,
            most_tokens=body.most_tokens,
            seed=_Seed.model_validate({"seed": fields.pop("seed", None)}).seed,
            fields=fields,
        )
    except ValidationError as error:
        raise first_invalid(error, prefix="body.") from error


def config_of(line: RequestLine) -> RunConfig:
    """The line's configuration, without its seed. Raises LineInvalid."""
    try:
        config = RunConfig.model_validate(line.fields)
    except ValidationError as error:
        raise first_invalid(error, prefix="body.specreason.") from error
    return config if line.most_tokens is None else _within(config, line.most_tokens)


def _check_keys(row: Mapping[str, Any], endpoint: Endpoint) -> None:
    """Check everything but the values in the body, and name all that is missing at once."""
    body = row.get("body")
    lacks = [key for key in LINE_KEYS if key not in row]
    if isinstance(body, dict):
        lacks += absent(body, endpoint)
    if lacks:
        raise missing(lacks[:MOST_MISSING])
    for key in sorted(row.keys() - {*LINE_KEYS, *LINE_LABELS}):
        message = f"{key[:LONGEST_SHOWN]!r}: {unknown_key(key, LINE_KEYS)}"
        raise LineInvalid(UNSUPPORTED, message, key[:LONGEST_SHOWN])
    _check_custom_id(row["custom_id"])
    method = row["method"]
    if not isinstance(method, str) or method.upper() != "POST":
        raise LineInvalid("invalid_method", f"method: must be POST, not {shown(method)}", "method")
    if endpoint_of(row["url"]) is not endpoint:
        message = f"url: must be {endpoint}, the endpoint of the batch, not {shown(row['url'])}"
        raise LineInvalid("url_mismatch", message, "url")
    if not isinstance(body, dict):
        raise LineInvalid(INVALID, f"body: must be a JSON object, not {shown(body)}", "body")


def _check_custom_id(custom_id: object) -> None:
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_CUSTOM_ID:
        message = f"custom_id: must be text of 1 to {LONGEST_CUSTOM_ID} characters"
        raise LineInvalid("invalid_custom_id", message, "custom_id")
    try:
        check_text(custom_id)
    except ValueError as error:
        raise LineInvalid("invalid_custom_id", f"custom_id: {error}", "custom_id") from None


def _within(config: RunConfig, most_tokens: int) -> RunConfig:
    """Limit thinking and answer together; the configuration's own limits hold within it."""
    answer = min(config.max_answer_tokens, max(1, most_tokens // ANSWER_SHARE))
    thinking = most_tokens - answer
    if "token_budget" in config.model_fields_set:
        thinking = min(thinking, config.token_budget)
    return config.model_copy(update={"max_answer_tokens": answer, "token_budget": thinking})
