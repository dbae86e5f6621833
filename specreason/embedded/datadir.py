"""The folder that holds an embedded instance: its owner, its lock, its password and its sockets.

DATA_DIR/             0700
  specreason-data     the marker: our format version; locked (flock) while an instance lives
  password            0600, for both servers, made once
  postgres/           the cluster and its socket; as root it belongs to the account Postgres runs as
  valkey/             the append-only file and its socket
  files/              uploaded files and results, written by the API
  postgres.log, valkey.log
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from specreason.errors import EmbeddedServerError

MARKER = "specreason-data"
FORMAT = "specreason embedded data, format 1\n"

# Linux allows 107 bytes for a socket's path. The longest one here is DATA_DIR/postgres/.s.PGSQL.5432.
MAX_DATA_DIR_BYTES = 107 - len("/postgres/.s.PGSQL.5432")
# A comma separates hosts for libpq, and other characters would need quoting that differs per URL parser.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")


@dataclass(frozen=True)
class Instance:
    """The data directory of both servers: the folder, the path by which clients reach the sockets, and the password.

    `timeout_s` bounds the wait for a server's first answer.
    """

    data_dir: Path
    sockets: Path
    password: str = field(repr=False)
    timeout_s: float


@contextmanager
def locked_data_dir(path: Path) -> Iterator[Path]:
    """The data directory as an absolute path, created if absent, locked until the block ends.

    A folder that holds other files is refused before anything in it changes.
    """
    directory = path.expanduser().resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = [entry.name for entry in directory.iterdir()]
    except OSError as error:
        raise EmbeddedServerError(f"cannot use {directory} as data directory: {error.strerror}") from error
    if entries and MARKER not in entries:
        raise EmbeddedServerError(
            f"{directory} holds files that are not ours: name an empty or absent directory"
        )
    if (owner := directory.stat().st_uid) != os.geteuid():
        raise EmbeddedServerError(f"{directory} belongs to the user with id {owner}: start as that user")
    try:
        marker = os.open(directory / MARKER, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedServerError(f"cannot write to data directory {directory}: {error.strerror}") from error
    try:
        _lock(marker, directory)
        _check_format(marker, directory)
        directory.chmod(0o700)
        yield directory
    finally:
        # Closing the file releases the lock; so does the end of this process.
        os.close(marker)


def _lock(marker: int, directory: Path) -> None:
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EmbeddedServerError(
            f"data directory {directory} is in use by a running instance: "
            "`specreason down` stops it; or name another directory"
        ) from None


def _check_format(marker: int, directory: Path) -> None:
    """Check the marker. An empty one is valid, too: a first start was killed between creating and writing it."""
    found = os.pread(marker, 200, 0)
    if not found:
        os.pwrite(marker, FORMAT.encode(), 0)
        os.fsync(marker)
    elif found != FORMAT.encode():
        raise EmbeddedServerError(
            f"{directory} was written by another version of specreason: name another directory"
        )


def stored_password(directory: Path) -> str:
    """The servers' password: 128 random bits in hex, so that no URL or configuration file has to quote it."""
    file = directory / "password"
    if file.exists():
        return file.read_text().strip()
    if (directory / "postgres").exists():
        raise EmbeddedServerError(f"{file} is missing: put it back, or name another data directory")
    password = secrets.token_hex(16)
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(password + "\n")
        output.flush()
        os.fsync(output.fileno())
    unfinished.rename(file)
    return password


@contextmanager
def socket_path(directory: Path) -> Iterator[Path]:
    """A path of the data directory by which clients reach its sockets.

    The servers bind their sockets inside the data directory by relative names, which have no limit. A client needs
    the whole path. If that is too long or has unusual characters, the path is a short symbolic link, the same at
    every start of this directory. Only the owner can follow the link into the 0700 directory.
    """
    if PLAIN_PATH.fullmatch(str(directory)) and len(str(directory)) <= MAX_DATA_DIR_BYTES:
        yield directory
        return
    link = _short_folder() / f"specreason-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    try:
        link.symlink_to(directory)
    # A killed instance left the link, unless another user made it to catch the password.
    except FileExistsError:
        if link.lstat().st_uid != os.geteuid() or not link.is_symlink() or link.readlink() != directory:
            raise EmbeddedServerError(
                f"{link} is not ours: remove it, or use a data directory of shorter path"
            ) from None
    try:
        yield link
    finally:
        link.unlink(missing_ok=True)


def _short_folder() -> Path:
    for name in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if name and PLAIN_PATH.fullmatch(name) and len(name) <= 50 and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    raise EmbeddedServerError("no folder for a short socket path: use a data directory of shorter path")
