"""Models of the Hugging Face hub: whether their files are here, whether the hub would give them, and fetching them.

`python -m specreason.engines.hub` fetches one model. It is a process of its own because the hub's client ends its
threads only when their files are complete: so Ctrl-C would wait for gigabytes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from specreason.children import kill_group, spawn_module
from specreason.errors import Unreachable
from specreason.pairs import ModelConfig, PairConfig

GIB = 1 << 30
WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
# What a model's folder must hold, in the one format of weights that a hub model is fetched in.
FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
LINE_EVERY_S = 10.0


def weights_bytes(folder: Path) -> int:
    """Return the size of the weights in `folder`, 0 if there are none."""
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def known_weights(model: ModelConfig) -> int | None:
    """Return the size of the weights in bytes: of the files that are here, else what pairs.toml says."""
    folder = Path(model.model)
    if folder.is_dir():
        return weights_bytes(folder)
    if model.weights_gib is not None:
        return int(model.weights_gib * GIB)
    cached = None if folder.is_absolute() else cached_folder(model)
    return None if cached is None else weights_bytes(cached)


def models_to_fetch(pair: PairConfig) -> list[ModelConfig]:
    """Return the pair's models of the hub whose files are not here."""
    return [
        model
        for model in (pair.base, pair.drafter)
        if not Path(model.model).is_dir()
        and not Path(model.model).is_absolute()
        and cached_folder(model) is None
    ]


def cached_folder(model: ModelConfig) -> Path | None:
    """Return the model's folder in the hub's cache, None if a file of weights is missing there. Asks no server."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                model.model, revision=model.revision, local_files_only=True, allow_patterns=list(FILES)
            )
        )
    # The cache does not hold the model, or this cannot be the id of one.
    except (OSError, ValueError):
        return None
    return folder if weights_bytes(folder) and all(path.exists() for path in _shards(folder)) else None


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


def fetch(model: ModelConfig, announce: Callable[[str], None]) -> None:
    """Fetch the model into the hub's cache; what an earlier try has fetched counts. Call it from the main thread.

    On a terminal the hub's client shows bars; elsewhere `announce` gets a line every ten seconds. Raises Unreachable.
    """
    announce(f"Fetching {model.model}{size_in_words(model)} from the hub")
    reader, writer = os.pipe()
    arguments = [model.model, *(["--revision", model.revision] if model.revision else [])]
    child = spawn_module("specreason.engines.hub", *arguments, "--reason-fd", str(writer), pass_fds=[writer])
    os.close(writer)
    try:
        while (status := _status(child)) is None:
            if not sys.stderr.isatty():
                announce(f"Fetching {model.model}: {_fetched_bytes(model) / GIB:.1f} GiB are here")
    finally:
        kill_group(child)
        with os.fdopen(reader) as pipe:
            reason = pipe.read().strip()
    if status:
        raise Unreachable(
            f"{model.model} cannot be fetched: {reason or f'its process ended with status {status}'}; "
            "what is here stays, and the next try goes on from there"
        )


def size_in_words(model: ModelConfig) -> str:
    """Return the size of the model's weights in brackets, empty if pairs.toml does not say it."""
    return f" ({model.weights_gib:.1f} GiB)" if model.weights_gib else ""


def cache_folder() -> Path:
    """Return the folder of the hub's cache. It may not exist yet."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _status(child: subprocess.Popen[bytes]) -> int | None:
    try:
        return child.wait(LINE_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _fetched_bytes(model: ModelConfig) -> int:
    """Return what the cache holds of the model, files that are not complete yet included."""
    blobs = cache_folder() / f"models--{model.model.replace('/', '--')}" / "blobs"
    try:
        return sum(512 * entry.stat().st_blocks for entry in os.scandir(blobs))
    # There is no such folder yet, or a file has just been completed and renamed.
    except OSError:
        return 0


def _shards(folder: Path) -> Iterator[Path]:
    """Yield the files of weights that the model's index names, if it has one."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        for name in set(json.loads(index.read_text())["weight_map"].values()):
            yield folder / name


def _ask(model: ModelConfig, timeout_s: float) -> str | None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(
            hf_hub_url(model.model, "config.json", revision=model.revision), timeout=timeout_s
        )
    # The client's errors and those of the HTTP library below it have no common class.
    except Exception as error:
        return _why(error)
    return None


def _why(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub does not know this revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub knows no such model, or gives it only to accounts that it knows (set HF_TOKEN)"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"the hub does not give it ({first})"


def main() -> int:
    """Fetch one model. If that fails, write the reason to the pipe and return 1."""
    from huggingface_hub import snapshot_download

    parser = argparse.ArgumentParser(prog="specreason.engines.hub")
    parser.add_argument("model")
    parser.add_argument("--revision")
    parser.add_argument("--reason-fd", type=int, required=True)
    arguments = parser.parse_args()
    try:
        snapshot_download(arguments.model, revision=arguments.revision, allow_patterns=list(FILES))
    # The parent process tells the user, whatever it was.
    except Exception as error:
        os.write(arguments.reason_fd, _why(error).encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
