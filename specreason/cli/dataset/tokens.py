"""Counts the tokens of problems without loading a model or downloading anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from specreason.errors import InputError
from specreason.pairs import ModelConfig, load_pairs
from specreason.settings import load_settings

BYTES_PER_TOKEN = 4  # of English in the usual vocabularies


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounter:
    """`count` returns the tokens of a text; `how` says whether they are counted or estimated."""

    count: Callable[[str], int]
    how: str


def counter_of(pair: str) -> TokenCounter:
    """Return a counter with the base's own tokenizer if its file is on this machine, else one by length."""
    try:
        config = load_pairs(load_settings().pairs_file).get(pair)
    except InputError:
        config = None
    file = None if config is None else tokenizer_file(config.base)
    if config is None or file is None:
        how = (
            f"estimated: {BYTES_PER_TOKEN} bytes a token, as the tokenizer of '{pair}' is not on this machine"
        )
        return TokenCounter(count=_by_length, how=how)
    from tokenizers import Tokenizer

    tokenizer, prompt = Tokenizer.from_file(str(file)), config.prompt

    def count(text: str) -> int:
        rendered = prompt.replace("{problem}", text)
        return len(tokenizer.encode(rendered, add_special_tokens=False).ids)

    return TokenCounter(count=count, how=f"counted with the tokenizer of '{pair}'")


def tokenizer_file(model: ModelConfig) -> Path | None:
    """Return the model's `tokenizer.json`, from its folder or from the hub's cache."""
    beside = Path(model.model) / "tokenizer.json"
    if beside.is_file():
        return beside
    try:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model.model, "tokenizer.json", revision=model.revision)
    except (ImportError, ValueError):
        return None
    return Path(found) if isinstance(found, str) else None


def _by_length(text: str) -> int:
    return max(1, round(len(text.encode(errors="replace")) / BYTES_PER_TOKEN))
