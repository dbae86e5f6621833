"""Files of a Postgres cluster: creating them, their version, and how a server of another user reaches them.

Postgres refuses to run as root. If root starts it, it runs as `nobody`, which cannot walk to the data directory (0700,
and perhaps below root's home). It does not have to: it inherits an open descriptor of its folder, which it owns.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specreason.embedded import process
from specreason.embedded.leftovers import end_leftovers
from specreason.embedded.process import SERVER_ENVIRONMENT, Account, Child
from specreason.errors import EmbeddedServerError

INITDB_TIMEOUT_S = 120.0
OPTIONS = ("--auth=scram-sha-256", "--no-locale", "--encoding=UTF8")


def initialise(programs: Path, folder: Path, *, user: str, password: str, account: Account | None) -> None:
    """Create a cluster with one superuser beside `folder`, and rename it to `folder` once it is complete.

    So a start that is killed midway leaves no incomplete cluster under the name that the next start trusts.
    """
    unfinished = folder.with_suffix(".new")
    if unfinished.exists():
        end_leftovers(unfinished)
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    # The password is neither on the disk nor in `ps`: a file in memory, which the server's user may read.
    secret = os.memfd_create("password")
    try:
        os.write(secret, password.encode())
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
            os.fchown(secret, account.uid, account.gid)
        with reachable(unfinished, account) as (path, fds):
            initdb = process.start(
                "initdb",
                [programs / "initdb", "-D", path, "-U", user, f"--pwfile=/proc/self/fd/{secret}", *OPTIONS],
                log=folder.with_suffix(".log"),
                death_signal=signal.SIGKILL,
                cwd=Path("/"),
                account=account,
                pass_fds=(*fds, secret),
            )
            _wait(initdb)
    finally:
        os.close(secret)
    unfinished.rename(folder)


def _wait(initdb: Child) -> None:
    try:
        status = initdb.process.wait(INITDB_TIMEOUT_S)
    except BaseException as error:
        initdb.stop(signal.SIGKILL)
        if isinstance(error, subprocess.TimeoutExpired):
            raise EmbeddedServerError(f"initdb took more than {INITDB_TIMEOUT_S:g} s") from None
        raise
    if status != 0:
        raise EmbeddedServerError(f"initdb ended with status {status}. {initdb.log_tail()}")


@contextmanager
def reachable(folder: Path, account: Account | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path by which the server reaches its folder, and the descriptors it must inherit for that.

    Following /proc/self/fd needs no permission on the folders above, so those stay closed to others.
    """
    if account is None:
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def check_version(programs: Path, folder: Path) -> None:
    """Check that the cluster is of this major version of Postgres. Raises EmbeddedServerError."""
    output = subprocess.run(
        [str(programs / "postgres"), "--version"],
        capture_output=True,
        text=True,
        env=SERVER_ENVIRONMENT,
        check=True,
    )
    found = re.search(r"\(PostgreSQL\) (\d+)", output.stdout)
    ours = found[1] if found else output.stdout.strip()
    try:
        theirs = (folder / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"{folder} is not a Postgres cluster: name another data directory"
        ) from None
    if ours != theirs:
        raise EmbeddedServerError(
            f"{folder} is from Postgres {theirs} and this is Postgres {ours}: name another data directory"
        )
