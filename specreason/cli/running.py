"""The file in which a running `specreason up` says who it is, for `down`, `status` and `doctor`.

It is `up.json` in the data directory, for its owner only, since it holds the passwords of the servers. A killed `up`
leaves it behind: so it counts only while the process that wrote it lives.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from specreason.addresses import hide_password
from specreason.errors import EmbeddedServerError, TimedOut

FILE = "up.json"
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningUp:
    """A `specreason up` (or `demo`). `born` is when the kernel started its process: pids are used again.

    `serving` is False until its worker holds the pair. The URLs may hold a password. `own_servers` names those of
    "database" and "broker" that it has started itself.
    """

    pid: int
    born: str | None
    since: str
    serving: bool
    pair: str
    slots: int
    api_url: str
    database_url: str
    broker_url: str
    own_servers: Collection[str] = ()
    data_dir: str

    @property
    def files_dir(self) -> Path:
        return Path(self.data_dir) / "files"

    @property
    def where(self) -> dict[str, str]:
        """What `up` prints: where its parts are. The password of somebody else's database stays hidden."""
        is_own = "database" in self.own_servers
        return {
            "api_url": self.api_url,
            "docs_url": f"{self.api_url}/docs",
            "database_url": self.database_url if is_own else hide_password(self.database_url),
            "data_dir": self.data_dir,
        }

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote this still runs."""
        try:
            os.kill(self.pid, 0)
        # It has ended; or it is another user's, and the pid was used again.
        except (ProcessLookupError, PermissionError):
            return False
        return born(self.pid) == self.born


def default_data_dir() -> Path:
    """Return the data directory of `specreason up` where none is given."""
    root = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(root) / "specreason"


def absolute(data_dir: Path | None) -> Path:
    """Return the data directory that an option names, or the default, as every command writes it."""
    return (data_dir or default_data_dir()).expanduser().resolve()


def command_for(name: str, data_dir: Path) -> str:
    """Return the command that acts on this data directory: the default one needs no option."""
    is_default = data_dir == absolute(None)
    return (
        f"specreason {name}" if is_default else f"specreason {name} --data-dir {shlex.quote(str(data_dir))}"
    )


def this_process(
    *,
    pair: str,
    slots: int,
    api_url: str,
    database_url: str,
    broker_url: str,
    data_dir: str,
    own_servers: Collection[str] = (),
) -> RunningUp:
    """Return what this process says of itself before it serves."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return RunningUp(
        pid=os.getpid(),
        born=born(os.getpid()),
        since=since,
        serving=False,
        pair=pair,
        slots=slots,
        api_url=api_url,
        database_url=database_url,
        broker_url=broker_url,
        own_servers=list(own_servers),
        data_dir=data_dir,
    )


def find_running(data_dir: Path) -> RunningUp | None:
    """Return the `specreason up` that uses the data directory, None if none does."""
    try:
        found = RunningUp(**json.loads((data_dir / FILE).read_text()))
    # There is no such file, it may not be read, or another version wrote it.
    except (OSError, ValueError, TypeError):
        return None
    return found if found.is_alive else None


def stop_running(running: RunningUp, *, timeout_s: float, tell: Callable[[float], None]) -> None:
    """Ask it to stop as Ctrl-C does, and wait until it has. `tell` is called at each look with the seconds so far.

    Raises TimedOut if that takes longer than `timeout_s`.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(running.pid, signal.SIGTERM)
    while running.is_alive:
        if time.monotonic() > deadline:
            raise TimedOut(
                f"process {running.pid} still stops after {timeout_s:g} s: jobs end their step first; "
                f"`{command_for('down', Path(running.data_dir))}` waits again"
            )
        tell(time.monotonic() - started)
        time.sleep(POLL_S)


def refuse_a_second(data_dir: Path) -> None:
    """Raise EmbeddedServerError if an `up` uses the data directory."""
    if (other := find_running(data_dir)) is not None:
        raise EmbeddedServerError(
            f"`specreason up` runs on {data_dir} already, as process {other.pid}: `{command_for('status', data_dir)}` "
            f"shows it, `{command_for('down', data_dir)}` stops it; or name another folder with --data-dir"
        )


@contextmanager
def announced(running: RunningUp) -> Iterator[None]:
    """Keep the file until the block ends. The caller holds the data directory's lock."""
    path = Path(running.data_dir) / FILE
    write(running)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def now_serving(running: RunningUp) -> RunningUp:
    """Write that the worker holds the pair, and return that."""
    serving = replace(running, serving=True)
    write(serving)
    return serving


def write(running: RunningUp) -> None:
    """Write the file whole: no reader sees half of it."""
    path = Path(running.data_dir) / FILE
    part = path.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(running), file)
    part.replace(path)


def born(pid: int) -> str | None:
    """Return when the kernel started the process, in its own unit; "" once it has ended, None if that is unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else None
    # A zombie has ended, and waits for its parent to notice.
    return "" if fields[0] == "Z" else fields[19]
