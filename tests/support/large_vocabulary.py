"""Tokenizers of the size and shape of the paper's models, built in a second; no file and no training.

As in the real ones, blank lines merge with the signs before them into hundreds of tokens, an emoji is two tokens or
more, and digits are tokens of their own: one by one in Qwen's vocabulary, up to three together in Llama's and
DeepSeek's. The words are all sequences of up to four letters, as many as fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from string import ascii_lowercase, digits, punctuation
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

EMOJI = "😀"
CHAT_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}"
    "{%- endfor -%}{{- '<|im_start|>assistant\n<think>\n' -}}"
)
_REST = r"|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_ADDED = ("<tool_call>", "</tool_call>", "<think>", "</think>")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """`size` counts the ordinary tokens; the added ones have the ids after them. `max_digits` merge into one token."""

    size: int
    max_digits: int
    emoji_merges: bool


QWEN = Vocabulary(size=151_643, max_digits=1, emoji_merges=True)
LLAMA = Vocabulary(size=128_000, max_digits=3, emoji_merges=False)


@cache
def large_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """The same tokenizer on each call and in each process."""
    ids, merges = _merge(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"\p{{N}}{{1,{vocabulary.max_digits}}}{_REST}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in _SPECIAL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in _ADDED])
    return tokenizer


@cache
def large_hf_tokenizer(vocabulary: Vocabulary) -> Any:
    """The same as a tokenizer of `transformers`."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=large_tokenizer(vocabulary), eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE
    )


def in_bytes(text: str) -> str:
    """`text` as it stands in the vocabulary: one character for each byte."""
    ((piece, _),) = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return str(piece)


def _merge(vocabulary: Vocabulary) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ids and merges; the parts of each merge come before it, as in a trained vocabulary."""
    ids = {byte: number for number, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> None:
        if left + right not in ids and len(ids) < vocabulary.size:
            ids[left + right] = len(ids)
            merges.append((left, right))

    line, space = in_bytes("\n"), in_bytes(" ")
    merge(line, line)
    blank = line + line
    for more in (line, blank):
        merge(blank, more)
    for sign in punctuation:
        merge(sign, blank)
    for left, right in islice(product(punctuation, repeat=2), 500):
        merge(left, right)
        merge(left + right, blank)
    if vocabulary.emoji_merges:
        first, second, third, fourth = in_bytes(EMOJI)
        merge(first, second)
        merge(third, fourth)
    if vocabulary.max_digits > 1:
        for left, right in product(digits, repeat=2):
            merge(left, right)
        for left, right in product(product(digits, repeat=2), digits):
            merge("".join(left), right)
    pairs = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
    for left, right in product(ascii_lowercase, repeat=2):
        merge(left, right)
    for pair, letter in product(pairs, ascii_lowercase):
        merge(pair, letter)
    for word in [*pairs, *("".join(three) for three in product(ascii_lowercase, repeat=3))]:
        merge(space, word)
    for left, right in product(pairs, repeat=2):
        merge(left, right)
    return ids, merges
