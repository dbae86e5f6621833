"""How a command ends: its exit status, one line on stderr, and JSON on stdout where the user asked for JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer

from specreason.errors import (
    Conflict,
    Detached,
    EmbeddedServerError,
    InputError,
    InvalidField,
    KeyRefused,
    NotAllowed,
    NotFound,
    SpecReasonError,
    StillRunning,
    TimedOut,
    TransientError,
)

EXIT_CONFIG = 2
EXIT_SOME_FAILED = 3
EXIT_NOT_FOUND = 4
EXIT_NOT_ALLOWED = 5
EXIT_CONFLICT = 6
EXIT_UNREACHABLE = 7
EXIT_TIMED_OUT = 8
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141  # what a shell says of `cat` there, which SIGPIPE ends
EXIT_TERMINATED = 143

# The first class that fits counts.
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
    (Detached, EXIT_INTERRUPTED),
)
EXIT_HELP = (
    "Exit status: 0 done · 1 a defect of ours · 2 wrong input or configuration · 3 done, but some jobs or checks "
    "failed · 4 not found · 5 not allowed · 6 conflict · 7 a server cannot be reached or started · 8 timeout · "
    "130 Ctrl-C."
)


def status_of(error: SpecReasonError) -> int:
    """The exit status that tells a script what kind of error this is."""
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 1)


def report(message: str, status: int, *, field: str | None = None, as_json: bool) -> int:
    """Say what is wrong; return `status`."""
    typer.echo(f"specreason: {message}", err=True)
    if as_json:
        envelope = {"message": message, "field": field, "exit_status": status}
        typer.echo(json.dumps({"error": envelope}))
    return status


def report_error(error: SpecReasonError, *, as_json: bool) -> int:
    """Say what is wrong and whose field it was; return the exit status."""
    field = error.field if isinstance(error, InvalidField) else None
    hint = "; commands send what SPECREASON_API_KEY holds" if isinstance(error, KeyRefused) else ""
    return report(f"{error}{hint}", status_of(error), field=field, as_json=as_json)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` was asked for, also where the rest of the line cannot be read."""
    return "--json" in arguments
