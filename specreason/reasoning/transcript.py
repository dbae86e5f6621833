"""The transcript of one run: prompt and kept steps as token ids, in both models' vocabularies.

It knows no policy and calls no engine. Steps are kept as ids, as in the paper (§4.1). Between two models whose
vocabularies differ, each step passes once as text. A character may be several tokens, and a step may end between them:
the character belongs to the text of the step that completes it. What spells a control token in a problem or a step
stays text, and only the `</think>` that closes the thinking passes as the other model's token for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from specreason.engines.base import THINK_END, Completion, FinishReason, ModelPair, Role, Tokenizer
from specreason.reasoning.steps import Phase, StepRecord
from specreason.submission.chat import Message, wrapped

# What tokenizers decode to in place of bytes that are no character.
_NO_CHARACTER = "\ufffd"
# All but the last of UTF-8's four bytes may be tokens of their own.
_LONGEST_BEGINNING = 3


class Transcript:
    """Append-only. `ids(role)` are the token ids that this model continues."""

    def __init__(
        self, pair: ModelPair, messages: Sequence[Message], steps: Sequence[StepRecord] = ()
    ) -> None:
        self._pair = pair
        self.messages = tuple(messages)
        asked = wrapped(messages, pair.prompt)
        self._ids = {role: list(pair.engine(role).tokenizer.render_prompt(asked)) for role in Role}
        self.num_prompt_tokens = {role: len(ids) for role, ids in self._ids.items()}
        # The beginning of a character at the transcript's end, and who has written it.
        self._begun: tuple[int, ...] = ()
        self._begun_by = Role.BASE
        self.steps: list[StepRecord] = []
        for step in steps:
            self.append(step)

    def followed_by(self, step: StepRecord) -> Transcript:
        """Another transcript, as if `step` were kept."""
        then = copy(self)
        then._ids = {role: list(ids) for role, ids in self._ids.items()}
        then.steps = list(self.steps)
        then.append(step)
        return then

    def num_tokens(self, role: Role) -> int:
        return len(self._ids[role])

    def ids(self, role: Role) -> tuple[int, ...]:
        return tuple(self._ids[role])

    def append(self, step: StepRecord) -> None:
        author = step.author or Role.BASE
        for role in Role:
            self._ids[role].extend(self.translate(step.kept_ids, author, role))
        _, self._begun = self._read(step.kept_ids, author)
        self._begun_by = author
        self.steps.append(step)

    def translate(self, ids: tuple[int, ...], author: Role, reader: Role) -> tuple[int, ...]:
        """`ids` written by `author` as the next step, as `reader` reads them."""
        if self._share_ids(author, reader):
            return ids
        tokenizer = self._pair.engine(reader).tokenizer
        thought, closing, rest = self._closing_apart(ids, author)
        end = tokenizer.encode(closing) if closing else ()
        return (*tokenizer.encode_text(thought), *end, *tokenizer.encode_text(rest))

    def text(self, ids: tuple[int, ...], author: Role) -> str:
        """The text that `ids` of `author` add as the next step, without a character that they only begin."""
        text, _ = self._read(ids, author)
        return text

    def kept_part(self, completion: Completion, author: Role) -> tuple[tuple[int, ...], str]:
        """The ids and the text to keep: all but an end-of-sequence token, which would end the next call, too."""
        ids = completion.token_ids
        if completion.finish_reason is FinishReason.EOS:
            ids = ids[:-1]
        return ids, self.text(ids, author)

    def _closing_apart(self, ids: tuple[int, ...], author: Role) -> tuple[str, str, str]:
        """The text of the next step before, in and after the `</think>` that closes the thinking, if the step has it.

        Where the author has a token for it, the token closes. Where it has none, the text does.
        """
        text = self.text(ids, author)
        own = self._pair.engine(author).tokenizer.encode(THINK_END)
        closes = ids[-1:] == own if len(own) == 1 else not self.thinking_closed
        return text.rpartition(THINK_END) if closes and THINK_END in text else (text, "", "")

    def _read(self, ids: tuple[int, ...], author: Role) -> tuple[str, tuple[int, ...]]:
        """The whole characters that `ids` of `author` add, and the ids of one that they begin."""
        begun = self._begun if self._share_ids(author, self._begun_by) else ()
        return whole_characters(self._pair.engine(author).tokenizer, begun + ids)

    def _share_ids(self, one: Role, other: Role) -> bool:
        return one is other or self._pair.shares_vocabulary

    @property
    def thinking_closed(self) -> bool:
        return any(
            step.decision.closes_thinking or step.finish_reason is FinishReason.THINK_END
            for step in self.steps
            if step.phase is Phase.THINK
        )

    @property
    def ended_inside_thinking(self) -> bool:
        """Whether the last kept step ended the sequence although the thinking is not closed."""
        if not self.steps or self.thinking_closed:
            return False
        return self.steps[-1].finish_reason is FinishReason.EOS


def whole_characters(tokenizer: Tokenizer, ids: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """The text of `ids` up to the last whole character, and the ids after it."""
    text = tokenizer.decode(ids)
    if text.endswith(_NO_CHARACTER):
        for end in range(len(ids) - 1, max(0, len(ids) - _LONGEST_BEGINNING) - 1, -1):
            whole = tokenizer.decode(ids[:end])
            if not whole.endswith(_NO_CHARACTER):
                return whole, ids[end:]
    return text, ()
