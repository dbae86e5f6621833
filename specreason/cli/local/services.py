"""The processes of ours that `specreason up` starts: the API and one worker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from specreason.children import spawn_module
from specreason.errors import EmbeddedServerError

LOG_TAIL_LINES = 12
# Bytes of a log after which the next start begins a new one, and keeps this one beside it.
LONGEST_LOG = 32 << 20

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of our own processes and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise EmbeddedServerError, with the end of the log, if the process has ended."""
        status = self.process.poll()
        if status is not None:
            tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise EmbeddedServerError(
                "\n  ".join([f"the {self.name} ended with status {status}. The end of {self.log}:", *tail])
            )


def start_service(
    name: str, *arguments: str, data_dir: Path, environment: Mapping[str, str], pass_fds: tuple[int, ...]
) -> Service:
    """Start the command `name` of specreason. Its output is appended to `data_dir/name.log`; a long one becomes
    `name.log.1` first."""
    path = data_dir / f"{name}.log"
    if path.exists() and path.stat().st_size > LONGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    with path.open("ab") as log:
        process = spawn_module(
            "specreason.cli.main",
            name,
            *arguments,
            death_signal=signal.SIGTERM,
            environment=environment,
            pass_fds=pass_fds,
            output=log,
        )
    return Service(name=name, process=process, log=path)


class ReadyPipe:
    """The pipe on which a worker writes a line whenever a child of its own can take jobs."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)

    def close_writer(self) -> None:
        """Call it once the worker has the writing end."""
        os.close(self.writer)

    def close(self) -> None:
        os.close(self._reader)

    def has_a_line(self) -> bool:
        """Whether the worker has written since the last call. Never waits."""
        try:
            return bool(os.read(self._reader, 4096))
        except BlockingIOError:
            return False
