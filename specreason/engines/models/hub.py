"""Models of the Hugging Face hub: whether their files are here, and whether the hub would give them."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import TypeGuard

from specreason.errors import InputError
from specreason.pairs import ModelConfig, PairConfig
from specreason.planning.needs import GIB

WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
# Names the files of weights where there are several.
INDEX = "model.safetensors.index.json"
# What is fetched of a model of the hub, weights in one format, and what no model is complete without.
FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
NEEDED = ("config.json", "tokenizer.json")


def weights_bytes(folder: Path) -> int:
    """Return the size of the weights in `folder`, 0 if there are none."""
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def known_weights(model: ModelConfig) -> int | None:
    """Return the size of the weights in bytes: of the files that are here, else what pairs.toml says."""
    folder = model.folder
    if folder is not None and folder.is_dir():
        return weights_bytes(folder)
    if model.weights_gib is not None:
        return int(model.weights_gib * GIB)
    cached = None if folder is not None else cached_folder(model)
    return None if cached is None else weights_bytes(cached)


def weight_files(folder: Path) -> list[Path]:
    """Return the files of weights that vLLM loads from the folder: those that an index names, or all *.safetensors.

    A named file may be missing. Raises InputError for an index that cannot be read.
    """
    index = folder / INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        names = set(json.loads(index.read_text())["weight_map"].values())
        return [folder / name for name in sorted(names)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{index}: cannot be read, or names no files") from error


def models_to_fetch(pair: PairConfig) -> list[ModelConfig]:
    """Return the pair's models of the hub whose files are not here."""
    return [
        model for model in (pair.base, pair.drafter) if model.folder is None and cached_folder(model) is None
    ]


def local_folder(model: ModelConfig) -> Path:
    """Return the folder of the model's files. Raises InputError if they are not on this machine."""
    folder = model.folder
    if folder is not None and not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist")
    if folder is not None:
        return folder
    cached = cached_folder(model)
    if cached is None:
        raise InputError(
            f"{model.model} is not in {cache_folder()}; `specreason worker` and `specreason up` fetch it as they start"
        )
    return cached


def model_file(model: ModelConfig, name: str) -> Path | None:
    """Return a file of the model, in its folder or in the hub's cache; None if it is not there. Asks no server."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if model.folder is not None:
        file = model.folder / name
        return file if file.is_file() else None
    try:
        found = try_to_load_from_cache(model.model, name, revision=model.revision)
    # This cannot be the id of a model: a misspelt folder, say.
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def cached_folder(model: ModelConfig) -> Path | None:
    """Return the model's folder in the hub's cache, None if a file that it needs is missing there. Asks no server."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                model.model, revision=model.revision, local_files_only=True, allow_patterns=list(FILES)
            )
        ).absolute()
        needed = [*weight_files(folder), *(folder / name for name in NEEDED)]
        is_complete = all(path.exists() for path in needed) and weights_bytes(folder) > 0
    # The cache does not hold the model, or not its whole index, or this cannot be the id of one.
    except (OSError, ValueError, InputError):
        return None
    return folder if is_complete else None


def why_out_of_reach(model: ModelConfig, *, timeout_s: float) -> str | None:
    """Ask the hub for the model's head. Return why the model cannot be fetched now, None if it can."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []
    # Looking up the hub's address has no timeout of its own.
    asking = threading.Thread(target=lambda: answers.append(_ask(model, timeout_s)), daemon=True)
    asking.start()
    asking.join(timeout_s)
    return answers[0] if answers else f"the hub has not answered in {timeout_s:g} s"


def size_in_words(model: ModelConfig) -> str:
    """Return the size of the model's weights in brackets, empty if pairs.toml does not say it."""
    return f" ({model.weights_gib:.1f} GiB)" if model.weights_gib else ""


def cache_folder() -> Path:
    """Return the folder of the hub's cache. It may not exist yet."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _ask(model: ModelConfig, timeout_s: float) -> str | None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(
            hf_hub_url(model.model, "config.json", revision=model.revision), timeout=timeout_s
        )
    # The client's errors and those of the HTTP library below it have no common class.
    except Exception as error:
        return why_not(error)
    return None


def why_not(error: Exception, what: str = "model") -> str:
    """Return why the hub's client could not fetch a model, or `what` else it is, in words."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub does not know this revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub knows no such {what}, or gives it only to accounts that it knows (set HF_TOKEN)"
    if is_of_the_disk(error):
        return (
            f"{cache_folder()} cannot take it ({os.strerror(error.errno or 0)}); HF_HOME names another folder"
        )
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"the hub does not give it ({first})"


def is_of_the_disk(error: Exception) -> TypeGuard[OSError]:
    """Return whether the disk takes no more files, or none of ours."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EACCES,
        errno.EROFS,
    )
