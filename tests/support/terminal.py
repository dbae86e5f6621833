"""A command as its user sees it: a process of its own on a terminal of a chosen width."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Sequence

COMMAND = [sys.executable, "-m", "specreason.cli.main"]
# Whatever a terminal does beyond printing characters: colours end in `m`.
ESCAPE = re.compile(r"\x1b\[[0-9;?]*([A-Za-z])")


def on_terminal(arguments: Sequence[object], *, columns: int, **environment: str) -> str:
    """What the command prints on a terminal, stdout and stderr together."""
    # These decide over a terminal's width and colours.
    deciding = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    inherited = {name: value for name, value in os.environ.items() if name not in deciding}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=inherited | {"TERM": "xterm-256color"} | environment,
    ):
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    return printed.decode(errors="replace").replace("\r\n", "\n")


def without_colours(text: str) -> str:
    return ESCAPE.sub("", text)


def _read(number: int) -> bytes:
    try:
        return os.read(number, 4096)
    except OSError:  # the last writer has closed the terminal
        return b""
