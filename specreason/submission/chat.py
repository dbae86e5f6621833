"""Problems that are chats: messages of a role and a text, the last of which is the user's.

A plain problem is a chat of one user turn. White space around a message's text is dropped, as around a plain problem.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from specreason.errors import InvalidField
from specreason.submission.text import check_text
from specreason.words import counted, none_of, shown

LONGEST = 200_000  # characters in all messages together
MOST_MESSAGES = 1_000
# Longer text is not read as Python prints it, which costs a hundred times its size.
LONGEST_PRINTED = 100_000
SYSTEM, DEVELOPER, USER, ASSISTANT = "system", "developer", "user", "assistant"
ROLES = (SYSTEM, DEVELOPER, USER, ASSISTANT)
INSTRUCTIONS = (SYSTEM, DEVELOPER)
# Parts that are text; the last two are those of OpenAI's Responses.
TEXT_PARTS = ("text", "input_text", "output_text")
# Keys of a message that hold something to read besides its text. Every other key only labels the message.
NOT_TAKEN = (
    "audio",
    "file",
    "files",
    "function_call",
    "image",
    "image_url",
    "images",
    "tool_call_id",
    "tool_calls",
    "video",
    "videos",
)
MESSAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {"role": {"enum": list(ROLES)}, "content": {"type": "string"}},
}
_BEGINS_AS_CHAT = re.compile(r"""\[\s*\{\s*(['"])(?:role|content)\1\s*:""")
_BEGINS_AS_OBJECTS = re.compile(r"""\[\s*\{\s*['"]""")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is one of ROLES."""

    role: str
    content: str


def user_turn(text: str) -> tuple[Message, ...]:
    """A plain problem as messages."""
    return (Message(USER, text),)


def messages_of(value: object) -> tuple[Message, ...]:
    """The chat in a JSON value: a list of objects with `role` and `content`, which is text or a list of text parts.

    Leaves out system and developer messages without text, and ignores keys that only label a message. Raises
    InvalidField, whose field is the place below the value, such as `[2].role`.
    """
    if not isinstance(value, list | tuple) or not value:
        raise InvalidField("", f"must be a list of messages, not {shown(value)}")
    if len(value) > MOST_MESSAGES:
        raise InvalidField("", f"has {counted(len(value), 'message')}; a chat has at most {MOST_MESSAGES:,}")
    found = [_message(each, f"[{number}]") for number, each in enumerate(value)]
    if found[-1].role != USER:
        raise InvalidField(
            f"[{len(found) - 1}].role", f"the last message must be the user's, not the {found[-1].role}'s"
        )
    if not found[-1].content:
        raise InvalidField(f"[{len(found) - 1}].content", "needs at least 1 character")
    if (length := sum(len(each.content) for each in found)) > LONGEST:
        raise InvalidField(
            "", f"is longer than {counted(LONGEST, 'character')}: its messages have {length:,} together"
        )
    return tuple(each for each in found if each.content or each.role not in INSTRUCTIONS)


def spelled_chat(text: str) -> object | None:
    """The chat that a cell of a table spells, in JSON or as Python prints it; None if `text` is plain text.

    Raises InvalidField if it begins as one and cannot be read: nobody means such a text as a problem. Where a
    label such as `name` comes first, it is a chat if every object has a role and a content.
    """
    is_meant = _BEGINS_AS_CHAT.match(text.lstrip())
    if not is_meant and not _BEGINS_AS_OBJECTS.match(text.lstrip()):
        return None
    for read in (json.loads, ast.literal_eval):
        if read is ast.literal_eval and len(text) > LONGEST_PRINTED:
            continue
        try:
            value: object = read(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return value if is_meant or _are_messages(value) else None
    if not is_meant:
        return None
    raise InvalidField("", "begins as a list of messages, but is neither JSON nor a list as Python prints it")


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, Mapping) and {"role", "content"} <= each.keys() for each in value
    )


def spelled(messages: Sequence[Message]) -> str:
    """One text for the messages, another one for every other chat. Of a plain problem it is the problem's."""
    if is_plain(messages):
        return messages[0].content
    return json.dumps(to_json(messages), ensure_ascii=False)


def is_plain(messages: Sequence[Message]) -> bool:
    """Whether the chat is no more than a plain problem."""
    return len(messages) == 1 and messages[0].role == USER


def wrapped(messages: Sequence[Message], prompt: str) -> tuple[Message, ...]:
    """The messages, with the last user turn in the place of `{problem}` in `prompt`."""
    *earlier, last = messages
    return (*earlier, replace(last, content=prompt.replace("{problem}", last.content)))


def to_json(messages: Iterable[Message]) -> list[dict[str, str]]:
    """The messages as they are stored and sent."""
    return [{"role": each.role, "content": each.content} for each in messages]


def stored_messages(text: str, stored: Iterable[Mapping[str, str]] | None) -> tuple[Message, ...]:
    """The messages of a stored problem, whose chat is `stored`; None: it is plain, and `text` is its one turn."""
    if stored is None:
        return user_turn(text)
    return tuple(Message(each["role"], each["content"]) for each in stored)


def _message(value: object, place: str) -> Message:
    if not isinstance(value, Mapping):
        raise InvalidField(place, f"must be an object with 'role' and 'content', not {shown(value)}")
    for key in NOT_TAKEN:
        if value.get(key):
            raise InvalidField(f"{place}.{key}", "is not supported: the models of a pair read text alone")
    for key in ("role", "content"):
        if value.get(key) is None:
            raise InvalidField(f"{place}.{key}", _missing(key, value))
    role = value["role"]
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidField(f"{place}.role", none_of(role, ROLES))
    try:
        return Message(role, check_text(_text_of(value["content"], f"{place}.content")).strip())
    except ValueError as error:
        raise InvalidField(f"{place}.content", str(error)) from None


def _missing(key: str, value: Mapping[Any, Any]) -> str:
    if "from" in value and "value" in value:
        return "is required; this message has 'from' and 'value': name them 'role' and 'content'"
    return "is required"


def _text_of(content: object, place: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple) or not content:
        raise InvalidField(place, f"must be text or a list of text parts, not {shown(content)}")
    return "\n".join(_part(each, f"{place}[{number}]") for number, each in enumerate(content))


def _part(part: object, place: str) -> str:
    if not isinstance(part, Mapping):
        raise InvalidField(place, f"must be an object with 'type' and 'text', not {shown(part)}")
    kind, text = part.get("type"), part.get("text")
    if kind not in TEXT_PARTS:
        raise InvalidField(f"{place}.type", f"must be 'text', not {shown(kind)}: the models read text alone")
    if not isinstance(text, str):
        raise InvalidField(
            f"{place}.text", "is required" if text is None else f"must be text, not {shown(text)}"
        )
    return text
