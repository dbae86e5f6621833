"""Problems as users submit them: JSON objects or JSONL lines. Errors name the line and the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from specreason.errors import InvalidField
from specreason.submission.chat import (
    LONGEST,
    MESSAGE_SCHEMA,
    Message,
    is_plain,
    messages_of,
    spelled_chat,
    user_turn,
)
from specreason.submission.jsonl import lines_of
from specreason.submission.text import Storable
from specreason.validation import AT_A_PLACE, ClosedModel, first_invalid_field

# Problems that come with the package, and that its demo pair can solve.
BUNDLED_PROBLEMS = Path(__file__).parents[1] / "demo" / "problems.jsonl"


def _as_text(value: object) -> object:
    """Datasets also write answers and ids as numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _none_if_blank(text: str | None) -> str | None:
    return text or None


def _text_or_chat(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema of a text that a chat is taken, too."""
    text = {key: schema.pop(key) for key in ("type", "minLength", "maxLength")}
    schema["anyOf"] = [text, {"type": "array", "minItems": 1, "items": MESSAGE_SCHEMA}]
    schema["description"] = (
        "A text, or a chat: messages of role and content, of which the last is the user's."
    )


class Problem(ClosedModel):
    """One dataset item. `answer` is the gold answer, if there is one to grade against; a blank one or id is none.

    A problem may be a chat, given as `problem` or as `messages`. Then `problem` is its last user turn, and `messages`
    are all of it, unless that turn is all.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

    problem: Annotated[
        str, Field(min_length=1, max_length=LONGEST, json_schema_extra=_text_or_chat), Storable
    ]
    messages: SkipJsonSchema[tuple[Message, ...] | None] = None
    answer: Annotated[
        Annotated[str, Field(max_length=20_000)] | None,
        Storable,
        BeforeValidator(_as_text),
        AfterValidator(_none_if_blank),
    ] = None
    id: Annotated[
        Annotated[str, Field(max_length=1_000)] | None,
        Storable,
        BeforeValidator(_as_text),
        AfterValidator(_none_if_blank),
    ] = None
    source: dict[str, Any] = Field(
        default_factory=dict, description="Any other fields; they are stored and never read."
    )

    @model_validator(mode="before")
    @classmethod
    def _chat(cls, given: object) -> object:
        """Read a chat into both of its fields."""
        if not isinstance(given, dict):
            return given
        name = "messages" if given.get("messages") is not None else "problem"
        value = given.get(name)
        try:
            if name == "messages" and given.get("problem") is not None:
                raise InvalidField("", "say the same as 'problem'; give one of them")
            if name == "problem" and isinstance(value, str):
                value = spelled_chat(value)
            if name == "problem" and not isinstance(value, list | tuple):
                return {key: given[key] for key in given if key != "messages"}
            chat = messages_of(value)
        except InvalidField as error:
            raise PydanticCustomError(
                AT_A_PLACE, "{reason}", {"reason": error.reason, "place": (name + error.field,)}
            ) from None
        return {**given, "problem": chat[-1].content, "messages": None if is_plain(chat) else chat}

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages of the chat; of a plain problem, its one user turn."""
        return self.messages or user_turn(self.problem)


class Columns(ClosedModel):
    """The column of each field in a dataset; "" for none. All other columns become the problem's source."""

    problem: str = "problem"
    answer: str = "answer"
    id: str = "id"


DEFAULT_COLUMNS = Columns()


def problem_of(row: Mapping[str, Any], columns: Columns, *, prefix: str = "") -> Problem:
    """The problem in a row of a dataset. Raises InvalidField that names the column after `prefix`."""
    column_of = {name: column for name, column in columns.model_dump().items() if column}
    fields = {name: row[column] for name, column in column_of.items() if column in row}
    try:
        problem = Problem.model_validate(fields)
    except ValidationError as error:
        invalid = first_invalid_field(error)
        field = invalid.field.replace("[", ".").partition(".")[0]
        place = column_of.get(field, field) + invalid.field[len(field) :]
        raise InvalidField(prefix + place, invalid.reason) from error
    used = frozenset(column_of.values())
    return problem.model_copy(update={"source": {key: row[key] for key in row if key not in used}})


def problems_in(
    content: BinaryIO, columns: Columns = DEFAULT_COLUMNS, *, most_blank: int | None = None
) -> Iterator[Problem]:
    """The problems of a JSONL file, one per line. Skips up to `most_blank` blank lines.

    Raises InvalidField for the first invalid line.
    """
    for line in lines_of(content, most_blank=most_blank):
        try:
            row = line.parse()
        except ValueError as error:
            raise InvalidField(f"line {line.number}", str(error)) from error
        yield problem_of(row, columns, prefix=f"line {line.number}: ")
