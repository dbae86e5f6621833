"""The files of a process reward model: in a folder, in the hub's cache, or fetched from the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from specreason.engines.fingerprint import file_hashes
from specreason.engines.models.hub import weights_bytes, why_not
from specreason.errors import InputError, InvalidField

SMALL_FILES = ("*.json", "*.model", "*.txt", "*.jinja")
SAFE, PICKLED = "*.safetensors", "*.bin"
DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Where the files are, and the names under which their scores are stored.

    `revision` is the commit of a model of the hub, or the beginning of a hash over the files of a folder.
    """

    folder: Path
    name: str
    revision: str


def find_files(model: str, revision: str | None, announce: Callable[[str], None]) -> ModelFiles:
    """The files of `model`: a folder, or an id of the hub, which is asked only for what is not in its cache.

    Raises InvalidField for a folder that is none or has no weights; InputError for a model that the hub does not give.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise InvalidField("--revision", "is of a model of the hub, and --model is a folder")
        if not _is_complete(folder):
            raise InvalidField("--model", f"{folder} has no config.json, or no weights")
        name = folder.resolve().name.encode("ascii", "replace").decode()
        return ModelFiles(folder=folder, name=name, revision=_hash_of(folder))
    if model.startswith(("/", ".", "~")) or model.count("/") > 1:
        raise InvalidField("--model", f"the folder {model} does not exist")
    cached = _cached(model, revision)
    if cached is None:
        announce(f"Fetching {model} from the hub")
        cached = _fetched(model, revision)
    return ModelFiles(folder=cached, name=model, revision=cached.name)


def _is_complete(folder: Path) -> bool:
    return (folder / "config.json").is_file() and weights_bytes(folder) > 0


def _hash_of(folder: Path) -> str:
    """The beginning of a SHA-256 over the names and the content of what decides a score."""
    paths = sorted({path for pattern in (SAFE, PICKLED, *SMALL_FILES) for path in folder.glob(pattern)})
    lines = (f"{path.name} {digest}\n" for path, digest in zip(paths, file_hashes(paths), strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:DIGITS]


def _cached(model: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
    # It is not there, or this cannot be the id of a model.
    except (OSError, ValueError):
        return None
    return folder if _is_complete(folder) and not _is_unfinished(folder) else None


def _is_unfinished(folder: Path) -> bool:
    """Whether the index of the weights names a file that is not there."""
    for index in folder.glob("*.index.json"):
        names = set(json.loads(index.read_text()).get("weight_map", {}).values())
        if any(
            (folder / name).suffix in (".safetensors", ".bin") and (folder / name).exists() for name in names
        ):
            return not all((folder / name).exists() for name in names)
    return False


def _fetched(model: str, revision: str | None) -> Path:
    from huggingface_hub import list_repo_files, snapshot_download

    try:
        names = list_repo_files(model, revision=revision)
        weights = SAFE if any(name.endswith(SAFE[1:]) for name in names) else PICKLED
        folder = snapshot_download(model, revision=revision, allow_patterns=[weights, *SMALL_FILES])
    # The client's errors and those of the HTTP library below it have no common class.
    except Exception as error:
        raise InputError(f"{model}: {why_not(error)}; --model takes a folder, too") from error
    if not _is_complete(Path(folder)):
        raise InputError(f"{model}: has no weights on the hub")
    return Path(folder)
