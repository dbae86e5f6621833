"""Reads a model's folder: its vocabulary, and which tensors of its weights have a row for each token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specreason.engines.models.hub import weight_files
from specreason.engines.padded.rows import Vocabulary
from specreason.errors import InputError

EMBEDDING = "embed_tokens.weight"
# The ends of the names of the tensors with a row for each token.
WITH_ROWS = (EMBEDDING, "lm_head.weight", "lm_head.bias")
_BYTES_OF = {"BF16": 2, "F16": 2, "F32": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: str


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json. Raises InputError if it cannot be read, or names no `vocab_size`."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if not isinstance(text_part(config).get("vocab_size"), int):
        raise InputError(
            f"{path}: names no vocab_size, so its model cannot take part in token-level speculation"
        )
    return config


def text_part(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part that describes the language model: models that also see have it in a table of its own."""
    part: dict[str, Any] = config if "vocab_size" in config else config.get("text_config", config)
    return part


def read_vocabulary(folder: Path) -> Vocabulary:
    """Read `tokenizer.json` as it stands, as HFTokenizer does, and the number of rows from config.json."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The library raises nothing narrower.
    except Exception as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    return Vocabulary(
        ids=tokenizer.get_vocab(with_added_tokens=True),
        added=frozenset(token.content for token in tokenizer.get_added_tokens_decoder().values()),
        num_rows=text_part(read_config(folder))["vocab_size"],
    )


def bytes_per_row(folder: Path, num_rows: int) -> int:
    """Return what one token's rows take, in bytes, all tensors together.

    Raises InputError if a tensor has other than `num_rows` rows, is quantised, or if there is no embedding.
    """
    headers = list(_headers(folder))
    for each in headers:
        if each.shape[0] != num_rows or each.dtype not in _BYTES_OF:
            raise InputError(
                f"{each.path}: {each.name} has {each.shape[0]} rows of {each.dtype}; a padded copy needs the "
                f"{num_rows} rows of config.json, in {', '.join(_BYTES_OF)}"
            )
    if not any(each.name.endswith(EMBEDDING) for each in headers):
        raise InputError(f"{folder}: no *.safetensors there has {EMBEDDING}, and a padded copy needs it")
    return sum(_BYTES_OF[each.dtype] * (each.shape[1] if each.shape[1:] else 1) for each in headers)


def _headers(folder: Path) -> Iterator[_Header]:
    from safetensors import SafetensorError, safe_open

    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as file:
                for name in filter(lambda each: each.endswith(WITH_ROWS), file.keys()):
                    tensor = file.get_slice(name)
                    yield _Header(
                        path=path, name=name, shape=tuple(tensor.get_shape()), dtype=tensor.get_dtype()
                    )
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
