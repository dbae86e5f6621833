"""Counts the tokens of problems without loading a model or downloading anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specreason.engines.models.hub import model_file
from specreason.errors import InputError
from specreason.pairs import load_pairs
from specreason.settings import load_settings
from specreason.submission.chat import Message, wrapped

BYTES_PER_TOKEN = 4  # of English in the usual vocabularies


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounter:
    """`count` returns the tokens of all messages of a problem; `how` says whether they are counted or estimated."""

    count: Callable[[Sequence[Message]], int]
    how: str


def counter_of(pair: str) -> TokenCounter:
    """Return a counter with the base's own tokenizer if its file is on this machine, else one by length."""
    try:
        config = load_pairs(load_settings().pairs_file).get(pair)
    except InputError:
        config = None
    file = None if config is None else model_file(config.base, "tokenizer.json")
    if config is None or file is None:
        how = (
            f"estimated: {BYTES_PER_TOKEN} bytes a token, as the tokenizer of '{pair}' is not on this machine"
        )
        return TokenCounter(count=_by_length, how=how)
    from tokenizers import Tokenizer

    tokenizer, prompt = Tokenizer.from_file(str(file)), config.prompt
    # What spells a control token in a problem is text.
    tokenizer.encode_special_tokens = True

    def count(messages: Sequence[Message]) -> int:
        texts = [message.content for message in wrapped(messages, prompt)]
        return sum(len(each.ids) for each in tokenizer.encode_batch(texts, add_special_tokens=False))

    return TokenCounter(count=count, how=f"counted with the tokenizer of '{pair}'")


def _by_length(messages: Sequence[Message]) -> int:
    length = sum(len(message.content.encode(errors="replace")) for message in messages)
    return max(1, round(length / BYTES_PER_TOKEN))
