"""What a model's own generation_config.json says of sampling: the defaults of a run that says nothing of it.

`vllm serve` samples by this file, so the paper's client ran QwQ-32B with top_k 40 and its drafter without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from specreason.engines.models.hub import model_file
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


def known_defaults(model: ModelConfig) -> GenerationDefaults | None:
    """Return the model's defaults by its file, or, if the file is not on this machine, as they are published.

    None: not known here. Raises as `defaults_in` does.
    """
    if model.folder is not None and model.folder.is_dir():
        return defaults_in(model.folder)
    if (cached := model_file(model, _FILE)) is not None:
        return defaults_in(cached.parent)
    published = known_generation_config(model.model)
    return None if published is None else GenerationDefaults.from_config(published)


def defaults_in(folder: Path) -> GenerationDefaults:
    """Return the defaults of the model in `folder`. Without the file there are none.

    Raises InputError that names the file and what is wrong with it.
    """
    file = folder / _FILE
    if not file.exists():
        return GenerationDefaults()
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict):
            raise InputError(f"{_FILE}: must be a JSON object, not {shown(content)}")
        return GenerationDefaults.from_config(content)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
