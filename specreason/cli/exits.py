"""How a command ends: its exit status, one line on stderr, and with `--json` an object on stdout."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import typer
from rich.console import Console
from rich.text import Text

from specreason.errors import (
    Conflict,
    Detached,
    EmbeddedServerError,
    InputError,
    InvalidField,
    KeyRefused,
    NotAllowed,
    NotConnected,
    NotFound,
    SpecReasonError,
    StillRunning,
    Stopped,
    TimedOut,
    TransientError,
)
from specreason.visible import ascii_json, visible

EXIT_CONFIG = 2
EXIT_SOME_FAILED = 3
EXIT_NOT_FOUND = 4
EXIT_NOT_ALLOWED = 5
EXIT_CONFLICT = 6
EXIT_UNREACHABLE = 7
EXIT_TIMED_OUT = 8
EXIT_INTERRUPTED = 130
# As if SIGPIPE had ended the command, as it ends `cat`.
EXIT_PIPE_CLOSED = 141
EXIT_TERMINATED = 143

# The first class that matches an error counts.
STATUS_OF: tuple[tuple[type[SpecReasonError], int], ...] = (
    (NotFound, EXIT_NOT_FOUND),
    (KeyRefused, EXIT_NOT_ALLOWED),
    (NotAllowed, EXIT_NOT_ALLOWED),
    (Conflict, EXIT_CONFLICT),
    (StillRunning, EXIT_CONFLICT),
    (InputError, EXIT_CONFIG),
    (TransientError, EXIT_UNREACHABLE),
    (EmbeddedServerError, EXIT_UNREACHABLE),
    (TimedOut, EXIT_TIMED_OUT),
    (Stopped, EXIT_TERMINATED),
    (Detached, EXIT_INTERRUPTED),
)
EXIT_HELP = (
    "Exit status: 0 done · 1 an internal error · 2 wrong input or configuration · 3 done, but some jobs or checks "
    "failed · 4 not found · 5 not allowed · 6 conflict · 7 a server cannot be reached or started · 8 timeout · "
    "130 Ctrl-C."
)


def status_of(error: SpecReasonError) -> int:
    """Return the exit status for this kind of error."""
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 1)


def report(message: str, status: int, *, field: str | None = None, as_json: bool) -> int:
    """Print what is wrong; return `status`."""
    Console(stderr=True).print(Text(visible(f"specreason: {message}")), soft_wrap=True)
    if as_json:
        envelope = {"message": message, "field": field, "exit_status": status}
        typer.echo(ascii_json({"error": envelope}))
    return status


def report_error(error: SpecReasonError, *, as_json: bool) -> int:
    """Print what is wrong and the field at fault; return the exit status."""
    field = error.field if isinstance(error, InvalidField) else None
    return report(f"{error}{_hint(error)}", status_of(error), field=field, as_json=as_json)


def _hint(error: SpecReasonError) -> str:
    """Return what to do, where only the command line knows it."""
    if isinstance(error, KeyRefused):
        return "; commands send what SPECREASON_API_KEY holds"
    if isinstance(error, NotConnected):
        return " `specreason up` starts one here; --api or SPECREASON_API_URL names another"
    return ""


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the line has `--json`, even if the rest of it is invalid."""
    return "--json" in arguments


def hang_up(number: int, frame: FrameType | None) -> None:
    """End as on SIGTERM, because the terminal has been closed.

    Nothing can be written to it any more, and a shell may send the signal twice.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        with suppress(OSError):  # it is closed
            if stat.S_ISCHR(os.fstat(fd).st_mode):
                os.dup2(nowhere, fd)
    os.close(nowhere)
    signal.raise_signal(signal.SIGTERM)
