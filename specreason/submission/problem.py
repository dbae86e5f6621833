"""A problem as users submit it, alone or as the row of a dataset. Errors name the row and the column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
from specreason.submission.columns import FIELDS, Columns, Found, find, nested_names
from specreason.submission.gold import OF_A_SOLUTION, Gold, gold_of, number_text
from specreason.submission.text import Storable
from specreason.validation import AT_A_PLACE, ClosedModel, first_invalid_field
from specreason.words import LONGEST_SHOWN, shown, unknown_key

# Problems that come with the package, and that its demo pair can solve.
BUNDLED_PROBLEMS = Path(__file__).parents[1] / "demo" / "problems.jsonl"


def _as_text(value: object) -> object:
    """Datasets also write answers and ids as numbers."""
    return number_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


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


# The keys of a problem in JSON, where no columns are chosen.
KEYS = ("problem", "answer", "id", "source")


def problem_of(
    row: Mapping[str, Any], columns: Columns, *, prefix: str = "", is_closed: bool = False
) -> Problem:
    """The problem in a row of a dataset. Raises InvalidField that names the column after `prefix`.

    The columns that are not used become the source, and with them a solution from which the gold answer is taken. A
    closed row is a problem as the API describes it: it has a `source`, and no unknown keys.
    """
    found = {
        name: there
        for name in FIELDS
        if (column := getattr(columns, name)) and (there := find(row, column)) is not None
    }
    keys: dict[str, str] = {
        name: getattr(columns, name) if there.key is None else there.key for name, there in found.items()
    }
    fields = {name: there.value for name, there in found.items()}
    if fields.get("problem") is None and row.get("messages") is not None:
        # A file that has plain problems and chats has nulls in the column of the other kind.
        found["problem"], keys["problem"] = Found(row["messages"], "messages"), "messages"
        fields["problem"] = row["messages"]
    gold = _gold(fields.get("answer"), prefix, keys.get("answer", "answer"))
    fields |= {"answer": gold.text, "id": id_of(fields.get("id"), prefix, keys.get("id", "id"))}
    if isinstance(asked := fields.get("problem"), Mapping):
        place = keys["problem"]
        raise InvalidField(prefix + place, f"is an object; name what is meant: {nested_names(place, asked)}")
    used = {there.key for there in found.values()}
    if gold.remark in OF_A_SOLUTION:
        used.discard(keys["answer"])
    source = {key: row[key] for key in row if key not in used}
    if is_closed:
        source = _own_source(source, prefix)
    try:
        problem = Problem.model_validate(fields)
    except ValidationError as error:
        invalid = first_invalid_field(error)
        field = invalid.field.replace("[", ".").partition(".")[0]
        place = keys.get(field) or str(getattr(columns, field, field))
        raise InvalidField(prefix + place + invalid.field[len(field) :], invalid.reason) from error
    # Not validated: that would take the white space off its keys.
    return problem.model_copy(update={"source": source})


def _gold(value: object, prefix: str, column: str) -> Gold:
    try:
        return gold_of(value)
    except ValueError as error:
        names = nested_names(column, value)
        raise InvalidField(prefix + column, f"{error}; name what is meant: {names}") from None


def id_of(value: object, prefix: str, column: str) -> object:
    """An id as text. Datasets also number their problems."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Mapping | list | tuple):
        names = nested_names(column, value)
        reason = f"must be text or a number, not {shown(value)}; name what is meant: {names}"
        raise InvalidField(prefix + column, reason)
    return value


def _own_source(rest: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    for key in rest:
        if key not in KEYS and not (key == "messages" and rest[key] is None):
            reason = (
                f"{unknown_key(key, KEYS)}; with a `mapping` other keys are taken, and kept as the source"
            )
            raise InvalidField(prefix + key[:LONGEST_SHOWN], reason)
    source = rest.get("source") or {}
    if not isinstance(source, dict):
        raise InvalidField(f"{prefix}source", f"must be an object, not {shown(source)}")
    return source
