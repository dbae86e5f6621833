"""A tokenizer without files: one token per character, and those traits of a real one that break careless programs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from specreason.engines.base import THINK_END
from specreason.submission.chat import ASSISTANT, Message

THINK_START = "<think>"
EOS = "<eos>"
# As in Qwen's vocabulary, punctuation merges with the delimiter: encode(a + b) need not be encode(a) + encode(b).
_WORDS = (EOS, THINK_START, THINK_END, "\n\n", ".\n\n", ":\n\n")
_TEXT = re.compile(r"[.:]?\n\n|.", re.DOTALL)
_PATTERN = re.compile("|".join([EOS, THINK_START, THINK_END, _TEXT.pattern]), re.DOTALL)
_FIRST_CHARACTER = 16


class ScriptedTokenizer:
    """Two tokenizers with different `shift` do not share a vocabulary: every id moves by it."""

    def __init__(self, *, shift: int = 0) -> None:
        self._shift = shift
        self._tokens = _Tokens()

    @property
    def vocabulary_id(self) -> str:
        return f"scripted-{self._shift}"

    @property
    def eos_id(self) -> int:
        return self._shift

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._id(token) for token in _PATTERN.findall(text))

    def decode(self, token_ids: Sequence[int]) -> str:
        if self._shift:
            token_ids = [token_id - self._shift for token_id in token_ids]
        return "".join(map(self._tokens.__getitem__, token_ids))

    def encode_text(self, text: str) -> tuple[int, ...]:
        return tuple(self._id(token) for token in _TEXT.findall(text))

    def render_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Each message in a line that begins with its role. Of the model's earlier turns the thinking is left out."""
        lines = "".join(f"{each.role.capitalize()}: {_said(each)}\n" for each in messages)
        return (*self.encode_text(lines), *self.encode(f"{THINK_START}\n"))

    def _id(self, token: str) -> int:
        return self._shift + (_WORDS.index(token) if token in _WORDS else _FIRST_CHARACTER + ord(token))


def _said(message: Message) -> str:
    return message.content.rpartition(THINK_END)[2] if message.role == ASSISTANT else message.content


class _Tokens(dict[int, str]):
    """The text of each number, found out once: a long prompt is decoded at every call."""

    def __missing__(self, number: int) -> str:
        if 0 <= number < len(_WORDS):
            text = _WORDS[number]
        else:
            text = chr(number - _FIRST_CHARACTER) if number >= _FIRST_CHARACTER else "\ufffd"
        self[number] = text
        return text
