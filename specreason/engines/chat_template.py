"""A chat in a model's own template: the messages that the template takes, and which part of its output is theirs.

Instructions are system and developer messages; templates know only the first of the two words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from specreason.engines.control_tokens import ControlTokens
from specreason.errors import PermanentJobError
from specreason.submission.chat import ASSISTANT, INSTRUCTIONS, SYSTEM, USER, Message

# Renders messages up to the point where the model's thinking begins. Raises TemplateRefusal.
Render = Callable[[Sequence[Message]], str]

_THINK_END = "</think>"
_BLANK_LINE = "\n\n"
_INSTRUCTION, _QUESTION = "Be brief and kind.", "What is the sum?"
# What templates leave of the model's earlier turns: all, or what comes after the thinking.
_LEAVES: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.rpartition(_THINK_END)[2],
    lambda text: text.rpartition(_THINK_END)[2].lstrip("\n"),
    lambda text: text.rpartition(_THINK_END)[2].strip(),
)


class TemplateRefusal(Exception):
    """The template does not take these messages. The text is its own."""


class ChatTemplate:
    """The template behind `render`, in a model whose control tokens are `controls`. `name` is for messages."""

    def __init__(self, render: Render, controls: ControlTokens, name: str) -> None:
        self._render = render
        self._controls = controls
        self._name = name

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...] | str:
        """The messages in the template: as ids if one of them spells a control token, else as text to be encoded.

        Raises PermanentJobError if the template refuses the messages, whatever their roles are made.
        """
        turns, rendered = self._taken(messages)
        if not any(self._controls.spells(turn.content) for turn in turns):
            return rendered
        return self._controls.encode_template(self._with_broken_texts(turns))

    def _taken(self, messages: Sequence[Message]) -> tuple[list[Message], str]:
        """The turns that the template takes, and what it makes of them.

        Many a template refuses two turns of one role in a row: then these become one.
        """
        turns = self._with_instructions(messages)
        try:
            return turns, self._render(turns)
        except TemplateRefusal:
            turns = _joined(turns)
        try:
            return turns, self._render(turns)
        except TemplateRefusal as refusal:
            roles = ", ".join(turn.role for turn in turns[:10])
            raise PermanentJobError(
                f"problem: the chat template of {self._name} refuses these messages ({roles}): {refusal}"
            ) from refusal

    def _with_instructions(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with their instructions where the template takes them.

        Those at the beginning are its system message. If it knows none, or if they come later, they go before the next
        user turn's text, as the makers of such models advise.
        """
        turns: list[Message] = []
        waiting: list[str] = []
        for message in messages:
            if message.role in INSTRUCTIONS:
                waiting.append(message.content)
                continue
            if waiting and not turns and self._takes_instructions:
                turns.append(Message(SYSTEM, _BLANK_LINE.join(waiting)))
                waiting = []
            before, waiting = (waiting, []) if message.role == USER else ([], waiting)
            turns.append(replace(message, content=_BLANK_LINE.join([*before, message.content])))
        return turns

    @cached_property
    def _takes_instructions(self) -> bool:
        """Whether the template gives a system message a place of its own.

        It does not if it refuses one, leaves it out, or has nothing to tell it from the text around it.
        """
        question = Message(USER, _QUESTION)
        try:
            rendered = self._render([Message(SYSTEM, _INSTRUCTION), question])
        except TemplateRefusal:
            return False
        return _INSTRUCTION in rendered and rendered.replace(_INSTRUCTION, "", 1) != self._render([question])

    def _with_broken_texts(self, turns: Sequence[Message]) -> str:
        """What the template makes of the turns, with a mark inside of what spells a control token in their texts.

        A template may look for `</think>` in the model's earlier turns. So these count as they stand, and the marked
        text is the one that is equal but for the marks.
        """
        broken = [replace(turn, content=self._controls.broken(turn.content)) for turn in turns]
        if not any(self._controls.spells(turn.content) for turn in turns if turn.role == ASSISTANT):
            return self._render(broken)
        as_given = [
            given if given.role == ASSISTANT else marked for given, marked in zip(turns, broken, strict=True)
        ]
        expected = self._controls.unbroken(self._render(as_given))
        for leaves in _LEAVES:
            rendered = self._render(
                [
                    replace(turn, content=self._controls.broken(leaves(turn.content)))
                    if turn.role == ASSISTANT
                    else turn
                    for turn in as_given
                ]
            )
            if self._controls.unbroken(rendered) == expected:
                return rendered
        return self._render(broken)


def _joined(turns: Sequence[Message]) -> list[Message]:
    """The turns, with neighbours of one role joined by a blank line."""
    joined: list[Message] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            joined[-1] = replace(turn, content=f"{joined[-1].content}{_BLANK_LINE}{turn.content}")
        else:
            joined.append(turn)
    return joined
