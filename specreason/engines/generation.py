"""What a model's own generation_config.json says of sampling: the defaults of a run that says nothing of it.

`vllm serve` samples by this file, so the paper's client ran QwQ-32B with top_k 40 and its drafter without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from specreason.errors import InputError
from specreason.pairs import ModelConfig
from specreason.planning.shapes import known_generation_config
from specreason.words import shown

_FILE = "generation_config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDefaults:
    """`top_k` and `min_p` as in Sampling; 0, which is off, where the file says nothing.

    Its temperature and top_p are left out: a run configuration has defaults of its own for these.
    """

    top_k: int = 0
    min_p: float = 0.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read the content of a generation_config.json. Raises InputError that names the key of an impossible value."""
        top_k, min_p = config.get("top_k") or 0, config.get("min_p") or 0
        if not isinstance(top_k, int):
            raise InputError(f"{_FILE}: top_k must be a whole number, not {shown(top_k)}")
        if not isinstance(min_p, int | float) or not 0 <= min_p <= 1:
            raise InputError(f"{_FILE}: min_p must be a number from 0 to 1, not {shown(min_p)}")
        # -1 is off, too.
        return cls(top_k=max(top_k, 0), min_p=float(min_p))


def generation_defaults(model: ModelConfig) -> GenerationDefaults | None:
    """Return the model's defaults by its file, or, if the file is not on this machine, as they are published.

    None: not known here, which ends once the model has been fetched. A folder without the file has no defaults.
    Raises InputError that names the model and what is wrong with its file.
    """
    if (folder := Path(model.model)).is_dir():
        file: Path | None = folder / _FILE
    else:
        file = _cached_file(model)
    config = known_generation_config(model.model) if file is None else _content(file)
    try:
        return None if config is None else GenerationDefaults.from_config(config)
    except InputError as error:
        raise InputError(f"{model.model}: {error}") from error


def _cached_file(model: ModelConfig) -> Path | None:
    """Return the file in the hub's cache, None if it is not there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(model.model, _FILE, revision=model.revision)
    # It is no id of the hub: an absolute path, say, to a folder that only the worker has.
    except HFValidationError:
        return None
    return Path(path) if isinstance(path, str) else None


def _content(file: Path) -> Mapping[str, Any]:
    """What the file holds; nothing if it does not exist."""
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: must be a JSON object")
    return content
