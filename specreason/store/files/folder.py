"""The folder of files. A file is durable before its row is written, and never changes. Knows no table.

A file is written as `ID.part`, and renamed to `ID` when all of it is on the disk. Several APIs may share the folder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from uuid_utils.compat import uuid7

from specreason.errors import NotFound, StoreUnavailable

PART = ".part"
CHUNK_BYTES = 1 << 18
STRAY_AFTER_S = 3600.0  # without a write: a younger file without a row may still get one


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContent:
    """A file that is durable."""

    file_id: UUID
    num_bytes: int
    sha256: str


class NewContent:
    """A file that is being written. It is removed at the end of the block unless `keep` was called."""

    def __init__(self, folder: Path) -> None:
        self.file_id: UUID = uuid7()
        self._folder = folder
        self._part = folder / f"{self.file_id}{PART}"
        self._hash = hashlib.sha256()
        self._file = self._part.open("x+b")

    def write(self, data: bytes) -> None:
        """Raises StoreUnavailable if the disk is full."""
        with _reported():
            self._file.write(data)
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        """The hash of the bytes written so far, hex."""
        return self._hash.hexdigest()

    @property
    def reader(self) -> BinaryIO:
        """The written bytes, open for reading until the end of the block."""
        return self._file

    def keep(self, cleanup: ExitStack) -> StoredContent:
        """Make the file durable under its final name. Raises StoreUnavailable.

        `cleanup` removes it again. Before writing the row, the caller disarms `cleanup` with `pop_all`: from then on
        Postgres alone says whether the file is known, and an unknown file is swept later.
        """
        with _reported():
            self._file.flush()
            os.fsync(self._file.fileno())
            num_bytes = self._file.tell()
            cleanup.callback(self._remove)
            self._part.rename(self._folder / str(self.file_id))
            _sync_folder(self._folder)
        return StoredContent(file_id=self.file_id, num_bytes=num_bytes, sha256=self.sha256)

    def _remove(self) -> None:
        """Never fails: a file that stays is swept later."""
        with suppress(OSError):
            (self._folder / str(self.file_id)).unlink(missing_ok=True)

    def close(self) -> None:
        """Never fails: on a full disk the unwritten bytes are not needed, and a part that stays is removed later."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class Folder:
    """The files of one database, by id. The folder is made with the first file."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()

    @contextmanager
    def new(self) -> Iterator[NewContent]:
        """A new file to write. Raises StoreUnavailable if the folder is not writable."""
        with _reported():
            _make_folder(self.path)
            content = NewContent(self.path)
        try:
            yield content
        finally:
            content.close()

    def open(self, file_id: UUID) -> BinaryIO:
        """The bytes of the file. Raises NotFound if it was deleted, or was written to another folder."""
        try:
            return (self.path / str(file_id)).open("rb")
        except FileNotFoundError:
            raise NotFound(
                f"file: the content of {file_id} is not in {self.path.name} below SPECREASON_FILES_DIR"
            ) from None
        except OSError as error:
            raise StoreUnavailable(f"files: {error.strerror}") from error

    def remove(self, file_id: UUID) -> None:
        """Remove the file, if it is there."""
        with _reported():
            (self.path / str(file_id)).unlink(missing_ok=True)

    def old_files(self, *, silent_s: float = STRAY_AFTER_S) -> tuple[UUID, ...]:
        """The files without a write for `silent_s`. Half-written files of that age are removed: no writer is left."""
        before = time.time() - silent_s
        old = []
        with _reported():
            for path in self.path.iterdir() if self.path.is_dir() else ():
                file_id = _as_id(path.name.removesuffix(PART))
                if file_id is None or not _is_older(path, before):
                    continue
                if path.suffix == PART:
                    path.unlink(missing_ok=True)
                else:
                    old.append(file_id)
        return tuple(old)


def chunks(content: BinaryIO) -> Iterator[bytes]:
    """The bytes of an open file, which is closed at the end."""
    with content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _is_older(path: Path, moment: float) -> bool:
    """False for a file that another API has just renamed or removed."""
    try:
        return path.stat().st_mtime <= moment
    except FileNotFoundError:
        return False


def _make_folder(path: Path) -> None:
    """Make the folder and its parents, durably."""
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
