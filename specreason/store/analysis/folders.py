"""The folder of an exported batch: `batch=ID`, with the rows of each table in numbered parts, and a manifest.

The manifest names every whole part with its rows, bytes and SHA-256. It is replaced after each part, so that an export
that was ended at any moment goes on after the last part in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from specreason.errors import InvalidField
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table

MANIFEST = "manifest.json"
PREFIX = "batch="
# A larger one is none of ours: that of ten million steps has some ten thousand bytes.
MOST_BYTES = 16 << 20


class Format(StrEnum):
    """The format of the parts, and the ending of their names."""

    PARQUET = "parquet"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One whole file. `last` names its last row, as a reader who goes on behind it does."""

    file: str
    num_rows: int
    num_bytes: int
    sha256: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableParts:
    """The parts of one table, in order. `is_whole`: no row is missing."""

    parts: tuple[Part, ...] = ()
    is_whole: bool = False

    @property
    def num_rows(self) -> int:
        return sum(part.num_rows for part in self.parts)

    @property
    def num_bytes(self) -> int:
        return sum(part.num_bytes for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder holds. `state` is a digest of how far the batch's jobs were; every part was read at that state.

    `rewards` says how many rewards the batch had when their parts were begun, and from when the newest was.
    """

    schema_version: int
    version: str
    format: Format
    batch_id: UUID
    batch_name: str
    config: Mapping[str, Any]
    state: str
    tables: Mapping[Table, TableParts] = field(default_factory=dict)
    rewards: str = ""

    def parts_of(self, table: Table) -> TableParts:
        return self.tables.get(table, TableParts())

    def file_name(self, table: Table, number: int) -> str:
        return f"{table}-{number:03}.{self.format}"


_ADAPTER = TypeAdapter(Manifest)


def folder_name(batch_id: UUID) -> str:
    """DuckDB and others read the id from it as the column `batch`."""
    return f"{PREFIX}{batch_id}"


def to_json(manifest: Manifest) -> str:
    return _ADAPTER.dump_json(manifest, indent=1).decode() + "\n"


def read_manifest(folder: Path, versions: Collection[int] = (SCHEMA_VERSION,)) -> Manifest:
    """Raises InvalidField, with the file's name, if there is none, or one of another schema than `versions`."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidField(str(path), f"cannot be read ({error.strerror})") from None
    try:
        if len(content) > MOST_BYTES:
            raise ValueError
        manifest = _ADAPTER.validate_json(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "no JSON"
        raise InvalidField(str(path), f"is not the manifest of an export ({where})") from None
    except ValueError:
        raise InvalidField(str(path), "is not the manifest of an export") from None
    if manifest.schema_version not in versions:
        raise InvalidField(
            str(path),
            f"has schema {manifest.schema_version}, written by specreason {manifest.version[:20]}; this version needs"
            f" schema {SCHEMA_VERSION} here: remove the folder or name another --output, and export the batch again"
            " with this version",
        )
    for table, of_table in manifest.tables.items():
        for number, part in enumerate(of_table.parts):
            # Also so that no name leads out of the folder.
            if part.file != manifest.file_name(table, number):
                raise InvalidField(str(path), f"names the part {part.file[:80]!r} where none can be")
    return manifest


def what_is_broken(folder: Path, part: Part) -> str | None:
    """What is wrong with a part, in words; None if it is the file that was written."""
    path = folder / part.file
    try:
        if path.stat().st_size != part.num_bytes:
            return f"has {path.stat().st_size:,} bytes, not {part.num_bytes:,}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == part.sha256 else "is not the file that was exported: its SHA-256 differs"
