"""The folder of files: each is durable before anyone hears of it, and never changes. Knows no table.

A file is written as `ID.part` and renamed to `ID` once all of it is on the disk. Several APIs may share the folder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from uuid_utils.compat import uuid7

from specreason.errors import NotFound, StoreUnavailable

PART = ".part"
CHUNK_BYTES = 1 << 18
STRAY_AFTER_S = 3600.0  # of silence: a file without a row may have one in a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContent:
    """A file that is on the disk for good."""

    file_id: UUID
    num_bytes: int
    sha256: str


class NewContent:
    """A file that is being written. Unless it is kept, it is gone at the end of the block."""

    def __init__(self, folder: Path) -> None:
        self.file_id: UUID = uuid7()
        self._folder = folder
        self._part = folder / f"{self.file_id}{PART}"
        self._hash = hashlib.sha256()
        self._file = self._part.open("xb")

    def write(self, data: bytes) -> None:
        """Raises StoreUnavailable where the disk is full."""
        with _reported():
            self._file.write(data)
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def keep(self) -> StoredContent:
        """Make the file durable under its final name. Raises StoreUnavailable."""
        with _reported():
            self._file.flush()
            os.fsync(self._file.fileno())
            num_bytes = self._file.tell()
            self._file.close()
            self._part.rename(self._folder / str(self.file_id))
            _sync_folder(self._folder)
        return StoredContent(file_id=self.file_id, num_bytes=num_bytes, sha256=self.sha256)

    def close(self) -> None:
        """Never fails: what is still unwritten on a full disk is not wanted, and a part that stays is swept."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class Folder:
    """The files of one database, by id. Made when the first is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()

    @contextmanager
    def new(self) -> Iterator[NewContent]:
        """A file to write. Raises StoreUnavailable where the folder cannot be written to."""
        with _reported():
            _make_folder(self.path)
            content = NewContent(self.path)
        try:
            yield content
        finally:
            content.close()

    def open(self, file_id: UUID) -> BinaryIO:
        """Raises NotFound: it was deleted, or this is not the folder that it was written to."""
        try:
            return (self.path / str(file_id)).open("rb")
        except FileNotFoundError:
            raise NotFound(
                f"file: the content of {file_id} is not in {self.path.name} below SPECREASON_FILES_DIR"
            ) from None
        except OSError as error:
            raise StoreUnavailable(f"files: {error.strerror}") from error

    def remove(self, file_id: UUID) -> None:
        """Nothing happens if it is gone already."""
        with _reported():
            (self.path / str(file_id)).unlink(missing_ok=True)

    def old_files(self, *, silent_s: float = STRAY_AFTER_S) -> tuple[UUID, ...]:
        """The files that nobody wrote to lately. What writers that were killed left half-written is removed."""
        before = time.time() - silent_s
        found = []
        with _reported():
            for path in self.path.iterdir() if self.path.is_dir() else ():
                file_id = _as_id(path.name.removesuffix(PART))
                if file_id is None or not _is_older(path, before):
                    continue
                if path.suffix == PART:
                    path.unlink(missing_ok=True)
                else:
                    found.append(file_id)
        return tuple(found)


def chunks(content: BinaryIO) -> Iterator[bytes]:
    """All of an open file, which is closed at the end."""
    with content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _is_older(path: Path, moment: float) -> bool:
    """False for what another API has just renamed or removed."""
    try:
        return path.stat().st_mtime <= moment
    except FileNotFoundError:
        return False


def _make_folder(path: Path) -> None:
    """As durable as what will be in it."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"files: {error.strerror}") from error
