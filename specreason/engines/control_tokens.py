"""Control tokens stand only where a chat template put them: what spells one in the text of a user or model stays text.

A tokenizer knows control tokens by their spelling alone. So there is a second one, equal but for their names: each
begins with signs that are drawn at random when the process starts, and that nobody can write. In a rendered template
the control tokens of the template get these names, and a text has none.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

# Of the private use area: no vocabulary, template or normalizer knows them.
_FIRST_SIGN, _NUM_SIGNS = 0xF0000, 65_000
# Added tokens that are neither special nor in brackets are words and runs of spaces.
_IN_BRACKETS = re.compile(r"[\s▁]*[<\[{].*[>\]}][\s▁]*", re.DOTALL)


class ControlTokens:
    """The control tokens of a Rust tokenizer: those that are special, and added ones in brackets, as `<think>` is."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        added = backend.get_added_tokens_decoder()
        self._added = {token.content: number for number, token in added.items()}
        self._controls = {
            token.content: number
            for number, token in added.items()
            if len(token.content) > 1 and (token.special or _IN_BRACKETS.fullmatch(token.content))
        }
        self._ids = frozenset(self._controls.values())
        self._longest = max(map(len, self._controls), default=0)
        # It also stands for text that the vocabulary lacks.
        self._unknown = getattr(backend.model, "unk_token", None)

    def spells(self, text: str) -> bool:
        """Whether the tokenizer would read a control token in `text`."""
        return any(self._spans(text))

    def encode_text(self, text: str) -> tuple[int, ...]:
        """The ids of `text` without any control token."""
        ids = self._backend.encode(text, add_special_tokens=False).ids
        return tuple(ids) if self._ids.isdisjoint(ids) else self._encode_named(text)

    def broken(self, text: str) -> str:
        """`text` with a mark inside of all that spells a control token, so that nobody reads one in it."""
        for _ in range(self._longest):  # behind the mark, another and shorter one may begin
            starts = [start + 1 for start, _ in self._spans(text)]
            if not starts:
                break
            text = _inserted(text, starts, _BREAK)
        return text

    def unbroken(self, text: str) -> str:
        """`text` without the marks of `broken`."""
        return text.replace(_BREAK, "")

    def encode_template(self, rendered: str) -> tuple[int, ...]:
        """The ids of a rendered template whose messages were `broken`: its control tokens are the template's own."""
        named = _inserted(rendered, [start for start, _ in self._spans(rendered)], _NAME)
        return self._encode_named(self.unbroken(named))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where control tokens stand in `text`, without the white space that some take in beside them."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        if self._ids.isdisjoint(encoding.ids):
            return
        for number, (start, stop) in zip(encoding.ids, encoding.offsets, strict=True):
            if number not in self._ids:
                continue
            found = text[start:stop]
            if number != self._controls.get(self._unknown) or found.strip() == self._unknown:
                yield stop - len(found.lstrip()), start + len(found.rstrip())

    def _encode_named(self, text: str) -> tuple[int, ...]:
        named, own_id = self.named
        return tuple(
            own_id.get(number, number) for number in named.encode(text, add_special_tokens=False).ids
        )

    @cached_property
    def named(self) -> tuple[Any, dict[int, int]]:
        """The second tokenizer, and the first one's id for each of its added tokens. It takes a second to make."""
        from tokenizers import Tokenizer

        written = json.loads(self._backend.to_str())
        for token in written["added_tokens"]:
            token["content"] = self._name(token["content"])
        written |= {"post_processor": None, "truncation": None, "padding": None}
        self._rename_in(written["model"])
        named = Tokenizer.from_str(json.dumps(written))
        own_id = {named.token_to_id(self._name(content)): own for content, own in self._added.items()}
        return named, cast("dict[int, int]", own_id)

    def _rename_in(self, model: dict[str, Any]) -> None:
        """Rename the control tokens that the model itself may put together from smaller pieces."""
        vocabulary = model["vocab"]
        if isinstance(vocabulary, dict):
            model["vocab"] = {self._name(piece): number for piece, number in vocabulary.items()}
        else:
            model["vocab"] = [[self._name(piece), score] for piece, score in vocabulary]
        if model.get("unk_token") is not None:
            model["unk_token"] = self._name(model["unk_token"])
        if "merges" in model:
            model["merges"] = [merge for merge in model["merges"] if not self._makes_control(merge)]

    def _makes_control(self, merge: str | Sequence[str]) -> bool:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        return any(piece in self._controls for piece in (left, right, left + right))

    def _name(self, content: str) -> str:
        """What a token is called in the second tokenizer. White space at its beginning stays there."""
        if content not in self._controls:
            return content
        bare = content.lstrip()
        return content[: len(content) - len(bare)] + _NAME + bare


def _inserted(text: str, places: Sequence[int], mark: str) -> str:
    """`text` with the mark before the characters at `places`, in order."""
    cuts = [0, *places, len(text)]
    return mark.join(text[start:end] for start, end in pairwise(cuts))


def _mark(num_signs: int) -> str:
    return "".join(chr(_FIRST_SIGN + secrets.randbelow(_NUM_SIGNS)) for _ in range(num_signs))


# The name must be more than a user can guess in many tries; a break must only be rare.
_BREAK, _NAME = _mark(2), _mark(4)
