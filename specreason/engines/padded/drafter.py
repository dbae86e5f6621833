"""Which padded copy a pair's base needs: decided from tokenizers, shapes and sizes, before anything is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from specreason.engines.models.hub import local_folder, weight_files
from specreason.engines.padded.rows import RowMap, row_map
from specreason.engines.padded.source import bytes_per_row, read_vocabulary
from specreason.pairs import ModelConfig, PairConfig

# Counts the changes of what a copy holds: a copy by another rule has another name.
RULE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedDrafter:
    """The drafter's files in `source`, rewritten by `rows` into `folder`, `num_bytes` in all."""

    source: Path
    folder: Path
    rows: RowMap
    num_bytes: int

    @property
    def is_written(self) -> bool:
        return self.folder.is_dir()

    @property
    def identity(self) -> dict[str, object]:
        """What decides the copy's drafts beside the drafter's own weights, for the pair's fingerprint."""
        return {"rule": RULE, "rows": self.rows.digest}


def plan_padded_drafter(pair: PairConfig) -> PaddedDrafter | None:
    """Return the copy that the pair's base needs; None if it drafts no tokens, or with the drafter as it is.

    Raises InputError if a model is not on this machine, if its files are not as expected, or if the two models differ
    in ordinary tokens.
    """
    if pair.speculation is None:
        return None
    base, source = read_vocabulary(local_folder(pair.base)), local_folder(pair.drafter)
    drafter = read_vocabulary(source)
    rows = row_map(base, drafter)
    if rows is None:
        return None
    name = hashlib.sha256(json.dumps([RULE, rows.digest, _source_id(pair.drafter, source)]).encode())
    grown_bytes = (rows.num_rows - drafter.num_rows) * bytes_per_row(source, drafter.num_rows)
    return PaddedDrafter(
        source=source,
        folder=copies_folder() / f"{Path(pair.drafter.model).name}-{rows.num_rows}-{name.hexdigest()[:16]}",
        rows=rows,
        num_bytes=sum(path.stat().st_size for path in weight_files(source)) + grown_bytes,
    )


def copies_folder() -> Path:
    """Return the folder of all copies, in HF_HOME beside the hub's cache. It may not exist yet."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "padded-drafters"


def _source_id(model: ModelConfig, folder: Path) -> object:
    """What tells one version of the drafter's files from another, without reading gigabytes."""
    if model.folder is None:
        return f"{model.model}@{folder.name}"
    files = (folder / "config.json", *weight_files(folder))
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
