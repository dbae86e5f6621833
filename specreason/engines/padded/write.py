"""Writes a padded copy. It appears whole or not at all, and a second worker waits for the first."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from specreason.engines.models.hub import INDEX, weight_files
from specreason.engines.padded.drafter import PaddedDrafter, plan_padded_drafter
from specreason.engines.padded.rows import RowMap
from specreason.engines.padded.source import WITH_ROWS, read_config, text_part
from specreason.errors import InputError
from specreason.pairs import PairConfig
from specreason.planning.needs import GIB

ELSEWHERE = "free some space, or name another folder in HF_HOME"
# The drafter's ids would be other tokens. vLLM asks the base what ends a sequence.
_NO_SPECIAL_TOKENS = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
log = logging.getLogger(__name__)


def ready_padded_drafter(pair: PairConfig) -> PaddedDrafter | None:
    """Return the copy that the pair's base needs, written by now; None if it needs none. Raises InputError."""
    copy = plan_padded_drafter(pair)
    if copy is not None:
        write_padded_drafter(copy)
    return copy


def write_padded_drafter(copy: PaddedDrafter) -> None:
    """Write the copy if it is not there.

    Raises InputError if the disk has no room, or the folder cannot be written to.
    """
    from safetensors import SafetensorError

    if copy.is_written:
        return
    try:
        with _only_writer(copy.folder.parent):
            if not copy.is_written:
                _write(copy)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the padded copy of the drafter, {copy.num_bytes / GIB:.1f} GiB, cannot be written to "
            f"{copy.folder.parent} ({error}); {ELSEWHERE}"
        ) from error


def _write(copy: PaddedDrafter) -> None:
    free = shutil.disk_usage(copy.folder.parent).free
    if free < copy.num_bytes:
        raise OSError(f"{free / GIB:.1f} GiB are free")
    log.info("writing %s, %.1f GiB, once", copy.folder, copy.num_bytes / GIB)
    part = copy.folder.parent / f"{copy.folder.name}.part"
    # Whoever holds the lock is the only writer, so what lies there was left by a worker that was killed.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        for path in weight_files(copy.source):
            _write_weights(path, part / path.name, copy.rows)
        if (copy.source / INDEX).is_file():
            shutil.copyfile(copy.source / INDEX, part / INDEX)
        config = read_config(copy.source)
        text_part(config).update(_NO_SPECIAL_TOKENS, vocab_size=copy.rows.num_rows)
        (part / "config.json").write_text(json.dumps(config, indent=2))
        for path in part.iterdir():
            _sync(path)
        part.rename(copy.folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_weights(source: Path, target: Path, rows: RowMap) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(source)
    with_rows = [name for name in tensors if name.endswith(WITH_ROWS)]
    if not with_rows:
        shutil.copyfile(source, target)
        return
    for name in with_rows:
        tensors[name] = in_the_bases_places(tensors[name], rows)
    save_file(tensors, target, metadata={"format": "pt"})
    # safetensors writes the file for its owner alone.
    target.chmod(0o644)


def in_the_bases_places(matrix: Any, rows: RowMap) -> Any:
    """Return a torch tensor with one row for each id of the base, in the dtype of `matrix`, the drafter's."""
    import torch

    mean = matrix[list(rows.ordinary)].mean(dim=0, dtype=torch.float32).to(matrix.dtype)
    placed = mean.expand(rows.num_rows, *mean.shape).clone()
    placed[list(rows.row_of)] = matrix[list(rows.row_of.values())]
    return placed


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
